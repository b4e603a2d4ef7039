"""Root mean squared error of a map of numbers. Shapes: H W pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

TICKS = 2**20
"""One image's squared errors are summed in whole ticks, so that order does not matter."""


class RMSE(Metric):
    """Root of the mean squared error over all images' labelled pixels; a label <= 0 is none.

    Source: the depth metric of NYUD-v2 in ASTMT, ATRC and InvPT (pixels pooled over the set).
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = False
    ticks: Tensor
    pixels: Tensor

    def __init__(self) -> None:
        """Start with no pixel."""
        super().__init__()
        self.add_state("ticks", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("pixels", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, prediction_HW: Tensor, label_HW: Tensor) -> None:
        """Add one image."""
        valid_HW = label_HW > 0
        error = prediction_HW[valid_HW].double() - label_HW[valid_HW].double()
        self.ticks += (error.square().sum() * TICKS).round().long()
        self.pixels += valid_HW.sum()

    def compute(self) -> Tensor:
        """The error in the label's unit; NaN when no labelled pixel was seen."""
        return (self.ticks.double() / TICKS / self.pixels).sqrt()
