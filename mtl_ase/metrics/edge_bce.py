"""Balanced binary cross-entropy as a metric. Shapes: H W pixels, K = 2 counts."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.base.bounds import Share
from mtl_ase.metrics.counting import CountingMetric, in_ticks

TICKS = 2**20

NEAREST = 2.0**-24
"""Probabilities are clamped this far from 0 and 1, where a float32 sigmoid saturates."""


class EdgeBCE(CountingMetric):
    """Balanced cross-entropy of edge probabilities, averaged over the pixels of all images.

    L = - mean over valid pixels of (w y log p + (1 - w)(1 - y) log(1 - p)), y the label 0 or 1: the
    training loss `BalancedBCE` of the logits that p came from (up to a cost of 16.6 a pixel). It
    is what the paper's ablations score edges with. Our deviation: the meter of M3ViT feeds p into a
    cross-entropy that expects logits, so its values are not comparable. Counts: the cost in ticks
    of 2^-20, pixels.
    """

    higher_is_better = False
    unit = ""

    def __init__(self, pos_weight: Share = 0.95, ignore_index: int = 255) -> None:
        """Weigh edges by w = `pos_weight`; pixels labelled `ignore_index` do not count."""
        super().__init__(2)
        self.pos_weight = pos_weight
        self.ignore_index = ignore_index

    def count(self, probability_HW: Tensor, label_HW: Tensor) -> Tensor:
        """The counts_K of one image, given edge probabilities and the label 0, 1 or ignore."""
        valid_HW = label_HW != self.ignore_index
        positive = label_HW[valid_HW] == 1
        probability = probability_HW[valid_HW].double().clamp(NEAREST, 1 - NEAREST)
        cost = -torch.where(
            positive,
            self.pos_weight * probability.log(),
            (1 - self.pos_weight) * torch.log1p(-probability),
        )
        return torch.stack([in_ticks(cost.sum(), TICKS), valid_HW.sum()])

    def score(self, counts_K: Tensor) -> Tensor:
        """The mean cost of a pixel; NaN when no labelled pixel was seen."""
        return counts_K[..., 0].double() / TICKS / counts_K[..., 1]
