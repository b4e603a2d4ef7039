"""Figures of a run: losses, gate weights by router and expert, cosines of gradients.

Legend: N routers, T tasks, E experts, K pairs of tasks, S logged steps, L layers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mtl_ase.base.csv_rows import Rows, read_rows
from mtl_ase.report.gradient_cosines import gradient_cosines, mean_over_steps

LABELS = {"gate": "mean gate weight", "share": "share of the tokens that select it"}


def draw_losses(log: Path, path: Path) -> None:
    """Plot the training loss of every task over steps; no file if the log has no training losses.

    Args:
        log: the run's metrics.csv.
        path: the image file to write.
    """
    rows = read_rows(log)
    columns = [key for key in (rows[0] if rows else ()) if _is_loss(key)]
    if not columns:
        return
    figure = Figure(figsize=(3.2 * len(columns), 2.6), layout="constrained")
    for axes, column in zip(
        figure.subplots(1, len(columns), squeeze=False)[0], columns, strict=True
    ):
        points = [(int(row["step"]), float(row[column])) for row in rows if row[column]]
        axes.plot(*zip(*points, strict=True), linewidth=1, color="#20639b")
        axes.set_title(column.removeprefix("train/").removesuffix("/loss"), fontsize=10)
        axes.set_xlabel("step")
    save_figure(figure, path)


def draw_routers(rows: Rows, path: Path, column: Literal["gate", "share"] = "gate") -> None:
    """Plot gate weights, or shares of tokens, by router and expert; no file without rows.

    A column of heat maps for every task, a row for the first logged step, for the one nearest to a
    tenth of the training, and for the last.

    Args:
        rows: of the run's router.csv.
        path: the image file to write.
        column: mean gate weights; or the share of the tokens that select an expert.
    """
    if not rows:
        return
    logged = list(dict.fromkeys(int(row["step"]) for row in rows))
    tenth = min(logged, key=lambda step: abs(step - 0.1 * logged[-1]))
    steps = list(dict.fromkeys((logged[0], tenth, logged[-1])))
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    routers = _routers(rows)
    maps = [
        [_map([r for r in rows if (r["step"], r["task"]) == (str(step), t)], column) for t in tasks]
        for step in steps
    ]
    size = (3.0 * len(tasks), len(steps) * max(2.0, 0.16 * len(routers)) + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(steps), len(tasks), squeeze=False, sharey=True, sharex=True)
    top = max(float(np.nanmax(value_NE)) for of_step in maps for value_NE in of_step)
    for of_step, line, step in zip(maps, panels, steps, strict=True):
        for axes, value_NE in zip(line, of_step, strict=True):
            picture = axes.imshow(value_NE, aspect="auto", cmap="viridis", vmin=0, vmax=top)
        line[0].set_yticks(range(len(routers)), _labels(routers))
        line[0].set_ylabel(f"step {step:,}: layer")
    for axes, task in zip(panels[0], tasks, strict=True):
        axes.set_title(task.replace("_", " "), fontsize=10)
    for axes in panels[-1]:
        axes.set_xlabel("expert (shared ones last)")
    figure.colorbar(picture, ax=panels, label=LABELS[column])
    save_figure(figure, path)


def draw_gradients(log: Path, path: Path) -> None:
    """Plot the cosines between the tasks' gradients; no file without rows.

    To the left those of all that is shared, over steps; to the right their means over the logged
    steps, by layer. Red is a conflict; grey is not known.

    Args:
        log: the run's gradients.csv.
        path: the image file to write.
    """
    rows = read_rows(log)
    if not rows:
        return
    steps, layers, pairs, cosine_KSL = gradient_cosines(rows)
    mean_KL = mean_over_steps(cosine_KSL)
    size = (4.6 + 0.12 * len(steps) + 0.3 * len(layers), 1.9 + 0.26 * len(pairs))
    figure = Figure(figsize=size, layout="constrained")
    ratios = {"width_ratios": (max(2, 0.12 * len(steps)), max(2, 0.3 * len(layers)))}
    over_steps, by_layer = figure.subplots(1, 2, sharey=True, gridspec_kw=ratios)
    for axes, values in ((over_steps, cosine_KSL[:, :, 0]), (by_layer, mean_KL)):
        axes.set_facecolor("#bbbbbb")
        picture = axes.imshow(values, aspect="auto", cmap="RdBu", vmin=-1, vmax=1)
    names = [" and ".join(pair).replace("_", " ") for pair in pairs]
    over_steps.set_yticks(range(len(pairs)), names, fontsize=8)
    shown = range(0, len(steps), max(1, len(steps) // 5))
    over_steps.set_xticks(shown, [steps[place] for place in shown], fontsize=8)
    over_steps.set_xlabel("step")
    over_steps.set_title("all shared parameters", fontsize=10)
    by_layer.set_xticks(range(len(layers)), layers, rotation=90, fontsize=8)
    by_layer.set_title("by layer, mean over steps", fontsize=10)
    figure.colorbar(picture, ax=[over_steps, by_layer], label="cosine of the gradients")
    save_figure(figure, path)


def _map(rows: Rows, column: str) -> NDArray[np.float64]:
    """Values by router and expert; NaN where a router has fewer experts than others."""
    routers = _routers(rows)
    value_NE = np.full((len(routers), max(int(row["expert"]) for row in rows) + 1), np.nan)
    for row in rows:
        router = (row["layer"], row["site"])
        value_NE[routers.index(router), int(row["expert"])] = float(row[column])
    return value_NE


def _routers(rows: Rows) -> list[tuple[str, str]]:
    """Layer and site of every router, in the order of the forward pass."""
    return list(dict.fromkeys((row["layer"], row["site"]) for row in rows))


def _labels(routers: list[tuple[str, str]]) -> list[str]:
    """Layers; with their sites if there are several."""
    if len({site for _, site in routers}) == 1:
        return [layer for layer, _ in routers]
    return [f"{layer} {site}" for layer, site in routers]


def _is_loss(key: str) -> bool:
    return key.startswith("train/") and key.endswith("loss")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
