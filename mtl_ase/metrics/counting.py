"""Base class of metrics that are functions of integer counts.

Legend: K counts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor
from torchmetrics import Metric


class CountingMetric(Metric, ABC):
    """A metric computed from integer counts per image, summed over images.

    Integer sums do not depend on their order, so a score is bit-identical for any distribution of
    the images over batches and processes; and the per-image counts suffice to score each image, or
    any bootstrap sample. Real-valued quantities are counted in fixed-point units ("ticks") whose
    rounding error is negligible.

    Attributes:
        max_images: evaluate only the first so many images of the split list; None: all. `Scorer`,
            which knows the images' positions, skips the others.
        unit: of the score, for tables: "%", "degrees", or "" for a plain number.
    """

    max_images: int | None = None
    unit: str = "%"

    full_state_update = False
    is_differentiable = False
    counts_K: Tensor

    def __init__(self, num_counts: int) -> None:
        super().__init__()
        zeros_K = torch.zeros(num_counts, dtype=torch.int64)
        self.add_state("counts_K", zeros_K, dist_reduce_fx="sum")

    @abstractmethod
    def count(self, prediction: Tensor, label: Tensor) -> Tensor:
        """The int64 counts_K of one image; all zero if it has no label."""

    @abstractmethod
    def score(self, counts_K: Tensor) -> Tensor:
        """The score in printed units, (..., K) -> (...); NaN without labelled pixels."""

    def count_all(self, images: Iterable[tuple[Tensor, Tensor]]) -> list[Tensor]:
        """The counts_K of several images, given (prediction, label) of each."""
        return [self.count(prediction, label) for prediction, label in images]

    def update(self, prediction: Tensor, label: Tensor, counts_K: Tensor | None = None) -> None:
        """Add one image; pass `counts_K` if already known from `count_all`."""
        if counts_K is None:
            (counts_K,) = self.count_all([(prediction, label)])
        self.counts_K += counts_K.to(self.counts_K.device)

    def compute(self) -> Tensor:
        """The score of all images."""
        return self.score(self.counts_K)


def in_ticks(amount: Tensor, ticks: int) -> Tensor:
    """Round a float64 quantity to fixed point: int64 multiples of 1 / ticks."""
    return (amount * ticks).round().long()
