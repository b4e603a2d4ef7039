"""Files of an evaluation: scores of every image, curves, confusion matrices, worst images.

Legend: N thresholds, C classes.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from mtl_ase.base.atomic_files import write_json
from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.data import DataModule
from mtl_ase.evaluation import Details, Scores
from mtl_ase.metrics import MeanIoU, OdsF
from mtl_ase.metrics.edges import EdgeCurve
from mtl_ase.report.sheets import Predict, compose_sheet, picture_rows
from mtl_ase.tasks import Task


def write_scores(
    folder: Path,
    results: Mapping[str, float | None],
    scores: Scores,
    tasks: Mapping[str, Task],
    data: DataModule,
    predict: Predict,
) -> None:
    """Write evaluation.json and the folder evaluation/ of a run.

    Args:
        folder: the run folder.
        results: the scores for evaluation.json.
        scores: the scores with intervals and the counts of every image.
        tasks: the scored tasks by name.
        data: the scored data set.
        predict: returns the predictions of a sample, for the pictures of the worst images.

    Raises:
        UserError: the folder can't be written to.
    """
    files = RunFiles(folder)
    inner = files.evaluation
    try:
        inner.mkdir(parents=True, exist_ok=True)
        write_json(files.scores, results)
        write_json(files.details, details_of(scores, tasks).as_json())
        write_images(inner / "images.csv", scores)
        for key, metric in scores.metrics.items():
            name = key.replace("/", "_")
            if isinstance(metric, OdsF):
                curve = metric.curve(scores.tables[key])
                write_curve(inner / f"{name}_curve.csv", curve)
                draw_curve(inner / f"{name}_curve.png", curve, f"{scores.name}, {scores.protocol}")
            elif isinstance(metric, MeanIoU):
                confusion_CC = metric.confusion(scores.tables[key].sum(0)).numpy()
                names = class_names(tasks[key.split("/")[0]], len(confusion_CC))
                write_confusion(inner / f"{name}_confusion.csv", confusion_CC, names)
                draw_confusion(inner / f"{name}_confusion.png", confusion_CC, names)
        write_worst(inner / "worst.png", scores, tasks, data, predict)
    except OSError as error:
        raise UserError(
            f"{folder} can't be written to ({error.strerror}); check its permissions and the disk, "
            "or give out=DIR with predictions=DIR."
        ) from error


def refuse_links(folder: Path) -> None:
    """See that what is written stays in the folder, which may come from elsewhere.

    Raises:
        UserError: the folder of an earlier evaluation, or a file in it, is a link.
    """
    inner = RunFiles(folder).evaluation
    for path in (inner, *(inner.iterdir() if inner.is_dir() else ())):
        if path.is_symlink():
            raise UserError(f"{path} is a link, which may lead anywhere; remove it.")


def details_of(scores: Scores, tasks: Mapping[str, Task]) -> Details:
    """What details.json tells of scores: intervals, scores by class, ODS, OIS and AP of edges."""
    curves, by_class = {}, {}
    for key, metric in scores.metrics.items():
        if isinstance(metric, OdsF):
            curve = metric.curve(scores.tables[key])
            summaries = ("ods", "ods_threshold", "ois", "ap")
            curves[key] = {name: getattr(curve, name) for name in summaries}
        elif isinstance(metric, MeanIoU):
            shares_C = metric.per_class(scores.tables[key].sum(0)).tolist()
            names = class_names(tasks[key.split("/")[0]], len(shares_C))
            by_class[key] = {
                name: None if np.isnan(share) else share
                for name, share in zip(names, shares_C, strict=True)
            }
    other = scores.resize_first
    return Details(
        scores.name,
        scores.dataset,
        scores.protocol,
        len(scores.image_ids),
        scores.intervals,
        scores.order,
        by_class,
        curves,
        {} if other is None else {key: other.value(key) for key in other.metrics},
    )


def class_names(task: Task, count: int) -> list[str]:
    """The names of classes 0 to count - 1 by the task's legend; the number where it has no name."""
    legend = (task.legend or {}).items()
    known = {int(value): name for name, value in legend if isinstance(value, int | float)}
    return [known.get(number, str(number)) for number in range(count)]


def write_images(path: Path, scores: Scores) -> None:
    """Write one row per image with its score by every metric; empty where it has no label."""
    columns = {key: scores.per_image(key) for key in scores.metrics}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *columns])
        for row, image_id in enumerate(scores.image_ids):
            values = [column[row] for column in columns.values()]
            writer.writerow([image_id, *("" if v is None else f"{v:.6g}" for v in values)])


def write_curve(path: Path, curve: EdgeCurve) -> None:
    """Write one row per threshold: threshold, precision, recall, F."""
    columns = (curve.thresholds_N, curve.precision_N, curve.recall_N, curve.f_N)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["threshold", "precision", "recall", "f"])
        writer.writerows([f"{value:.6f}" for value in row] for row in zip(*columns, strict=True))


def draw_curve(path: Path, curve: EdgeCurve, title: str) -> None:
    """Plot precision over recall, with contour lines of F and the point of the highest F (ODS)."""
    figure = Figure(figsize=(4.2, 4.0), layout="constrained")
    axes = figure.subplots()
    recall = np.linspace(0.01, 1, 200)
    for f in np.arange(0.1, 1, 0.1):
        reachable = recall > f / 2
        precision = f * recall[reachable] / (2 * recall[reachable] - f)
        axes.plot(recall[reachable], precision, color="#dddddd", linewidth=0.7, zorder=0)
    shown_N = curve.precision_N > 0
    axes.plot(curve.recall_N[shown_N], curve.precision_N[shown_N], color="#20639b", linewidth=1.5)
    best = int(curve.f_N.argmax())
    axes.plot(curve.recall_N[best], curve.precision_N[best], "o", color="#c23b22")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="recall", ylabel="precision", aspect="equal")
    axes.set_title(
        f"{title}\nODS {100 * curve.ods:.2f} at {curve.ods_threshold:.2f}, "
        f"OIS {100 * curve.ois:.2f}, AP {100 * curve.ap:.2f}",
        fontsize=9,
    )
    figure.savefig(path, dpi=120)


def write_confusion(path: Path, confusion_CC: NDArray[np.int64], names: list[str]) -> None:
    """Write the number of pixels by true class (rows) and predicted class (columns)."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["true", *names])
        writer.writerows(
            [name, *row] for name, row in zip(names, confusion_CC.tolist(), strict=True)
        )


def draw_confusion(path: Path, confusion_CC: NDArray[np.int64], names: list[str]) -> None:
    """Plot the confusion matrix in percent of every true class's pixels."""
    share_CC = 100 * confusion_CC / np.maximum(confusion_CC.sum(1, keepdims=True), 1)
    size = 2.2 + 0.28 * len(names)
    figure = Figure(figsize=(size + 0.6, size), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(share_CC, vmin=0, vmax=100, cmap="Blues")
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set(xlabel="predicted", ylabel="true")
    for row, column in zip(*np.nonzero(share_CC >= 1), strict=True):
        colour = "white" if share_CC[row, column] > 50 else "#333333"
        axes.text(
            column,
            row,
            f"{share_CC[row, column]:.0f}",
            ha="center",
            va="center",
            fontsize=6,
            color=colour,
        )
    figure.colorbar(picture, ax=axes, label="percent of the true class", shrink=0.8)
    figure.savefig(path, dpi=120)


def write_worst(
    path: Path, scores: Scores, tasks: Mapping[str, Task], data: DataModule, predict: Predict
) -> None:
    """Write a contact sheet with the worst image of every task by its headline metric."""
    dataset = data.dataset("val", training=False)
    index_of = {image_id: index for index, image_id in enumerate(dataset.image_ids)}
    rows = []
    for task in tasks.values():
        key = task.headline_key
        if key not in scores.metrics:
            continue
        known = [
            (value, image_id)
            for value, image_id in zip(scores.per_image(key), scores.image_ids, strict=True)
            if value is not None
        ]
        if not known:
            continue
        better = min if scores.metrics[key].higher_is_better else max
        value, image_id = better(known)
        sample = dataset[0, index_of[image_id]]
        caption = f"{task.name.replace('_', ' ')} {value:.1f}"
        rows += picture_rows(tasks, sample, predict(sample), caption)
    if rows:
        Image.fromarray(compose_sheet(["worst of", *tasks], rows)).save(path)
