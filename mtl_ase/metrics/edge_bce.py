"""Balanced binary cross-entropy as a score. Shapes: H W pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

TICKS = 2**20
"""The costs of one image are summed in whole ticks of 2^-20, so that order does not matter."""

NEAREST = 2.0**-24
"""Probabilities are kept this far from 0 and 1, where a float32 sigmoid has lost its logit."""


class EdgeBCE(Metric):
    """Balanced cross-entropy of edge probabilities, averaged over the pixels of all images.

    L = - mean over valid pixels of (w y log p + (1 - w)(1 - y) log(1 - p)), y the label 0 or 1: the
    training loss `BalancedBCE` of the logits that p came from (up to a cost of 16.6 a pixel). It
    is what the paper's ablations score edges with. Our deviation: the meter of M3ViT feeds p into a
    cross-entropy that expects logits, so its values are not comparable.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = False
    ticks: Tensor
    pixels: Tensor

    def __init__(self, pos_weight: float = 0.95, ignore_index: int = 255) -> None:
        """Weigh edges by w = `pos_weight`; pixels labelled `ignore_index` do not count."""
        super().__init__()
        self.pos_weight = pos_weight
        self.ignore_index = ignore_index
        self.add_state("ticks", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("pixels", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, probability_HW: Tensor, label_HW: Tensor) -> None:
        """Add one image, given the probability of an edge and the label 0, 1 or ignore."""
        valid_HW = label_HW != self.ignore_index
        positive = label_HW[valid_HW] == 1
        probability = probability_HW[valid_HW].double().clamp(NEAREST, 1 - NEAREST)
        cost = -torch.where(
            positive,
            self.pos_weight * probability.log(),
            (1 - self.pos_weight) * torch.log1p(-probability),
        )
        self.ticks += (cost.sum() * TICKS).round().long()
        self.pixels += valid_HW.sum()

    def compute(self) -> Tensor:
        """The mean cost of a pixel; NaN when no labelled pixel was seen."""
        return self.ticks.double() / TICKS / self.pixels
