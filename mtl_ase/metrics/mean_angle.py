"""Mean angle between surface normals. Shapes: C = 3 components, H W pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize
from torchmetrics import Metric

TICKS = 2**20
"""One image's angles are summed in whole ticks of 2^-20 degree, so that order does not matter."""


class MeanAngle(Metric):
    """Mean angle in degrees between predicted and true normals, over all images' valid pixels.

    angle = 2 atan2(|p - g|, |p + g|) of unit vectors, in float64: unlike acos(p . g), which loses
    half the digits near 0 and 180 degrees, it is accurate everywhere (Kahan 2006). A pixel is
    valid where the label's norm exceeds 0.5; a prediction of length zero counts as 90 degrees.
    Source: the mErr of the paper's tables.
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

    def update(self, prediction_CHW: Tensor, label_CHW: Tensor) -> None:
        """Add one image, given the predicted directions and the label's unit or zero vectors."""
        label_CHW = label_CHW.double()
        valid_HW = label_CHW.norm(dim=0) > 0.5
        true = normalize(label_CHW[:, valid_HW], dim=0)
        predicted = normalize(prediction_CHW.double()[:, valid_HW], dim=0)
        angle = 2 * torch.atan2((predicted - true).norm(dim=0), (predicted + true).norm(dim=0))
        self.ticks += (torch.rad2deg(angle).sum() * TICKS).round().long()
        self.pixels += valid_HW.sum()

    def compute(self) -> Tensor:
        """The mean in degrees; NaN when no valid pixel was seen."""
        return self.ticks.double() / TICKS / self.pixels
