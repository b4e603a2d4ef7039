"""Two evaluated runs on the same images: the mean difference of the images' scores.

evaluate.py compares whole scores from counts that it does not store. Here the scores of every
image, from images.csv, are averaged. Legend: I images.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

import torch
from torch import Tensor

from mtl_ase.evaluation import Comparison, compare
from mtl_ase.run_pages.evaluation_files import Evaluation

SEED = 0
TICKS = 1e6
"""A unit in the integer counts from which intervals are computed."""


def compare_images(key: str, first: Evaluation, other: Evaluation) -> Comparison | None:
    """The other's mean score of an image minus the first's, over the images that both score.

    Args:
        key: of the metric.
        first: an evaluation.
        other: another one.

    Returns:
        The difference with the 95 % interval of a paired bootstrap, and the p-value of a paired
        permutation test; None if fewer than two images have both scores.
    """
    ours, theirs = (
        dict(zip(each.images, each.by_image.get(key, ()), strict=False)) for each in (first, other)
    )
    both = [
        (ours[image], theirs[image])
        for image in ours
        if image in theirs and math.isfinite(ours[image]) and math.isfinite(theirs[image])
    ]
    if len(both) < 2:
        return None
    first_I2, other_I2 = (_counts(values) for values in zip(*both, strict=True))
    return compare(_mean, [first_I2], [other_I2], SEED)


def comparable(first: Evaluation, other: Evaluation) -> bool:
    """Whether both were evaluated on the same data set by the same protocol, in the same order."""
    if not (first.images and other.images and first.details and other.details):
        return False
    parts = operator.attrgetter("dataset", "protocol", "order")
    return bool(parts(first.details) == parts(other.details))


def _counts(values: Sequence[float]) -> Tensor:
    scores_I = torch.tensor(values, dtype=torch.float64)
    return torch.stack([(scores_I * TICKS).round(), torch.ones_like(scores_I)], 1).long()


def _mean(counts: Sequence[Tensor]) -> Tensor:
    return counts[0][..., 0].double() / TICKS / counts[0][..., 1]
