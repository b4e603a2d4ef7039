"""Root mean squared error of a scalar map such as depth. Shapes: H W pixels, K = 2 counts."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.metrics.counting import CountingMetric, in_ticks

TICKS = 2**20


class RMSE(CountingMetric):
    """Root mean squared error over all images' labelled pixels, those with a label > 0.

    Source: the depth metric of NYUD-v2 in ASTMT, ATRC and InvPT (pixels pooled over the set).
    Counts: the squared error in ticks of 2^-20, pixels.
    """

    higher_is_better = False
    unit = ""

    def __init__(self) -> None:
        super().__init__(2)

    def count(self, prediction_HW: Tensor, label_HW: Tensor) -> Tensor:
        """The counts of one image."""
        valid_HW = label_HW > 0
        error = prediction_HW[valid_HW].double() - label_HW[valid_HW].double()
        return torch.stack([in_ticks(error.square().sum(), TICKS), valid_HW.sum()])

    def score(self, counts_K: Tensor) -> Tensor:
        """The error in the label's unit; NaN when no labelled pixel was seen."""
        return (counts_K[..., 0].double() / TICKS / counts_K[..., 1]).sqrt()
