"""What evaluate.py left in a run: scores by class and by image.

Legend: I images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtl_ase.base.csv_rows import read_rows
from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.evaluation import Details, Interval, read_details
from mtl_ase.tasks import Task

IMAGES = "images.csv"
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
        details: scores with intervals and by class; None if evaluate.py was not run.
        images: ids of the images.
        by_image: scores_I by key; NaN where an image has no label.
    """

    details: Details | None
    images: Sequence[str]
    by_image: Mapping[str, Sequence[float]]

    @property
    def scores(self) -> Mapping[str, Interval | None]:
        """With intervals over images, by key; empty if evaluate.py was not run."""
        return {} if self.details is None else self.details.scores

    @property
    def by_class(self) -> Mapping[str, Mapping[str, float | None]]:
        """Scores of classes in percent, by key of the metric; None for a class without pixels."""
        return {} if self.details is None else self.details.by_class

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
    path = files.evaluation / IMAGES
    rows = read_rows(path)
    keys = [key for key in (rows[0] if rows else ()) if key != "image"]
    try:
        by_image = {key: [float(row[key] or "nan") for row in rows] for key in keys}
        images = [row["image"] for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} is not what evaluate.py writes ({type(error).__name__}: {error}); "
            "remove it, or evaluate again."
        ) from error
    return Evaluation(read_details(files.details), images, by_image)
