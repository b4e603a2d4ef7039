"""What evaluate.py left in a run: scores by class and by image.

Legend: I images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtl_ase.base.csv_rows import read_rows
from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.run_pages.json_files import read_json
from mtl_ase.tasks import Task

IMAGES = "images.csv"
BY_CLASS = " by class"
NUM_WORST = 5


@dataclass(frozen=True)
class WorstImage:
    """An image and its score."""

    image_id: str
    value: float


@dataclass(frozen=True)
class Evaluation:
    """An evaluation of a run.

    Attributes:
        details: content of details.json; empty if evaluate.py was not run.
        images: ids of the images.
        by_image: scores_I by key; NaN where an image has no label.
    """

    details: Mapping[str, Any]
    images: Sequence[str]
    by_image: Mapping[str, Sequence[float]]

    def by_class(self) -> dict[str, dict[str, float | None]]:
        """Scores of classes in percent, by key of the metric; None for a class without pixels."""
        return {
            key.removesuffix(BY_CLASS): value
            for key, value in self.details.items()
            if key.endswith(BY_CLASS)
        }

    def worst(self, tasks: Mapping[str, Task]) -> dict[str, list[WorstImage]]:
        """The images with the worst scores by every task's headline metric."""
        found = {}
        for task in tasks.values():
            key = task.headline_key
            known = [
                WorstImage(image_id, value)
                for image_id, value in zip(self.images, self.by_image.get(key, ()), strict=False)
                if math.isfinite(value)
            ]
            higher = bool(task.metrics[task.headline].higher_is_better)
            known.sort(key=lambda each: each.value if higher else -each.value)
            if known:
                found[key] = known[:NUM_WORST]
        return found


def read_evaluation(folder: Path) -> Evaluation:
    """The evaluation of a run folder; an empty one if there is none.

    Raises:
        UserError: a file is damaged.
    """
    files = RunFiles(folder)
    rows = read_rows(files.evaluation / IMAGES)
    keys = [key for key in (rows[0] if rows else ()) if key != "image"]
    try:
        by_image = {key: [float(row[key] or "nan") for row in rows] for key in keys}
        evaluation = Evaluation(_details(files), [row["image"] for row in rows], by_image)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{files.evaluation} is not what evaluate.py writes ({type(error).__name__}: {error}); "
            "remove it, or evaluate again."
        ) from error
    return evaluation


def _details(files: RunFiles) -> dict[str, Any]:
    """The content of details.json, in which all scores are numbers."""
    content = read_json(files.details)
    if content:
        content["images"] = int(content["images"])
        content["scores"] = {
            key: score and {part: float(score[part]) for part in ("value", "low", "high")}
            for key, score in content["scores"].items()
        }
    for key in filter(lambda key: key.endswith(BY_CLASS), content):
        shares = content[key].items()
        content[key] = {name: None if share is None else float(share) for name, share in shares}
    return content
