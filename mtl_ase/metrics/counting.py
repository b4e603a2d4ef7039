"""Scores that are functions of integer counts.

Legend: K counts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor
from torchmetrics import Metric


class CountingMetric(Metric, ABC):
    """A score of integers that are counted in every image and summed over all of them.

    Sums of integers do not depend on their order, so a score is exactly the same however the images
    are spread over batches and processes; and the counts of the single images are all that is
    needed to score each, or any sample of them. Quantities that are no integers are counted in
    ticks, fractions so small that rounding is of no account.

    Attributes:
        max_images: score only so many images, the first of the data set's list; None: all. The
            scorer, which knows the images' positions, leaves out the others.
    """

    max_images: int | None = None

    full_state_update = False
    is_differentiable = False
    counts_K: Tensor

    def __init__(self, num_counts: int) -> None:
        super().__init__()
        zeros_K = torch.zeros(num_counts, dtype=torch.int64)
        self.add_state("counts_K", zeros_K, dist_reduce_fx="sum")

    @abstractmethod
    def count(self, prediction: Tensor, label: Tensor) -> Tensor:
        """The int64 counts_K of one image; all zero where it has no label."""

    @abstractmethod
    def score(self, counts_K: Tensor) -> Tensor:
        """The score in printed units, (..., K) -> (...); NaN where nothing labelled was counted."""

    def count_all(self, images: Iterable[tuple[Tensor, Tensor]]) -> list[Tensor]:
        """The counts of several images, given the prediction and the label of each."""
        return [self.count(prediction, label) for prediction, label in images]

    def update(self, prediction: Tensor, label: Tensor, counts_K: Tensor | None = None) -> None:
        """Add one image; its counts are worked out unless they are known from `count_all`."""
        if counts_K is None:
            (counts_K,) = self.count_all([(prediction, label)])
        self.counts_K += counts_K.to(self.counts_K.device)

    def compute(self) -> Tensor:
        """The score of all images."""
        return self.score(self.counts_K)


def in_ticks(amount: Tensor, ticks: int) -> Tensor:
    """A sum of float64 in whole ticks of 1 / ticks."""
    return (amount * ticks).round().long()
