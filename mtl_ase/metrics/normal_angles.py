"""Angles between predicted and true surface normals.

Legend: C = 3 components, H W pixels, V valid pixels, N bins, K counts.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from mtl_ase.base.bounds import Weight
from mtl_ase.metrics.counting import CountingMetric, in_ticks

TICKS = 2**20
BINS_PER_DEGREE = 20
NUM_BINS = 180 * BINS_PER_DEGREE


def angles(prediction_CHW: Tensor, label_CHW: Tensor) -> Tensor:
    """The angle_V in degrees at every valid pixel, float64.

    angle = 2 atan2(|p - g|, |p + g|) of unit vectors: unlike acos(p . g), which loses half the
    digits near 0 and 180 degrees, it is accurate everywhere (Kahan 2006). A pixel is valid where
    the label's norm exceeds 0.5; a prediction of length zero counts as 90 degrees.
    """
    label_CHW = label_CHW.double()
    valid_HW = label_CHW.norm(dim=0) > 0.5
    true_CV = normalize(label_CHW[:, valid_HW], dim=0)
    predicted_CV = normalize(prediction_CHW.double()[:, valid_HW], dim=0)
    apart_V, along_V = (predicted_CV - true_CV).norm(dim=0), (predicted_CV + true_CV).norm(dim=0)
    return torch.rad2deg(2 * torch.atan2(apart_V, along_V))


class MeanAngle(CountingMetric):
    """Mean angle in degrees over all images' valid pixels.

    Source: the mErr of the paper's tables. Counts: the angles in ticks of 2^-20 degree, pixels.
    """

    higher_is_better = False
    unit = "degrees"

    def __init__(self) -> None:
        super().__init__(2)

    def count(self, prediction_CHW: Tensor, label_CHW: Tensor) -> Tensor:
        """The counts_K of one image, given predicted directions and unit or zero label vectors."""
        angle_V = angles(prediction_CHW, label_CHW)
        pixels = torch.tensor(angle_V.numel(), device=angle_V.device)
        return torch.stack([in_ticks(angle_V.sum(), TICKS), pixels])

    def score(self, counts_K: Tensor) -> Tensor:
        """The mean in degrees; NaN when no valid pixel was seen."""
        return counts_K[..., 0].double() / TICKS / counts_K[..., 1]


class RMSAngle(MeanAngle):
    """Root mean square of the angle in degrees over all images' valid pixels.

    Our deviation: the "rmse" of Multi-Task-Learning-PyTorch's and MTLoRA's meter is the mean.
    """

    def count(self, prediction_CHW: Tensor, label_CHW: Tensor) -> Tensor:
        """The counts_K of one image, given predicted directions and unit or zero label vectors."""
        angle_V = angles(prediction_CHW, label_CHW)
        pixels = torch.tensor(angle_V.numel(), device=angle_V.device)
        return torch.stack([in_ticks(angle_V.square().sum(), TICKS), pixels])

    def score(self, counts_K: Tensor) -> Tensor:
        """The root in degrees; NaN when no valid pixel was seen."""
        return super().score(counts_K).sqrt()


class MedianAngle(CountingMetric):
    """Median angle in degrees over all images' valid pixels.

    Counts: a histogram of 1/20 degree bins with linear interpolation, so the error is below 1/20
    degree.
    """

    higher_is_better = False
    unit = "degrees"

    def __init__(self) -> None:
        super().__init__(NUM_BINS)

    def count(self, prediction_CHW: Tensor, label_CHW: Tensor) -> Tensor:
        """The counts_K of one image, given predicted directions and unit or zero label vectors."""
        bin_V = (angles(prediction_CHW, label_CHW) * BINS_PER_DEGREE).long()
        return torch.bincount(bin_V.clamp(max=NUM_BINS - 1), minlength=NUM_BINS)

    def score(self, counts_K: Tensor) -> Tensor:
        """The median in degrees; NaN when no valid pixel was seen."""
        below_N = counts_K.cumsum(dim=-1).double()
        half = below_N[..., -1:] / 2
        place = (below_N < half).sum(dim=-1, keepdim=True)
        inside = counts_K.gather(-1, place.clamp(max=NUM_BINS - 1)).double()
        before = below_N.gather(-1, place.clamp(max=NUM_BINS - 1)) - inside
        return ((place + (half - before) / inside) / BINS_PER_DEGREE)[..., 0]


class ShareWithin(CountingMetric):
    """Share of all images' valid pixels whose angle is below a bound, in percent.

    Source: the usual 11.25, 22.5 and 30 degrees of surface normal estimation (Fouhey et al. 2013).
    Counts: pixels within the bound, pixels.
    """

    higher_is_better = True

    def __init__(self, degrees: Weight) -> None:
        """Set the bound, in degrees."""
        super().__init__(2)
        self.degrees = degrees

    def count(self, prediction_CHW: Tensor, label_CHW: Tensor) -> Tensor:
        """The counts_K of one image, given predicted directions and unit or zero label vectors."""
        within_V = angles(prediction_CHW, label_CHW) < self.degrees
        pixels = torch.tensor(within_V.numel(), device=within_V.device)
        return torch.stack([within_V.sum(), pixels])

    def score(self, counts_K: Tensor) -> Tensor:
        """The share in percent; NaN when no valid pixel was seen."""
        return 100 * counts_K[..., 0].double() / counts_K[..., 1]
