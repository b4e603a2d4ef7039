"""Saliency IoU of the ASTMT protocol. Shapes: N thresholds, H W pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

TICKS = 2**32
"""The IoU of one image is summed in whole ticks of 2^-32, so that order does not matter."""


class SaliencyIoU(Metric):
    """Foreground IoU of each image, averaged over images, at the best threshold; in percent.

    A pixel is salient where probability > threshold, thresholds being evenly spaced from 0.2 to
    0.9; the IoU of an image with neither salient labels nor salient predictions is 1. Source:
    ASTMT (arXiv 1904.08918), the "mIoU" of saliency in the paper's tables. Pixels labelled
    `ignore_index` do not count.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True
    ticks_N: Tensor
    images: Tensor

    def __init__(self, num_thresholds: int = 15, ignore_index: int = 255) -> None:
        """Try `num_thresholds` thresholds."""
        super().__init__()
        self.ignore_index = ignore_index
        self.thresholds = torch.linspace(0.2, 0.9, num_thresholds, dtype=torch.float64).tolist()
        zeros_N = torch.zeros(num_thresholds, dtype=torch.int64)
        self.add_state("ticks_N", zeros_N, dist_reduce_fx="sum")
        self.add_state("images", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, probability_HW: Tensor, label_HW: Tensor) -> None:
        """Add one image, given the probability of being salient and the label 0, 1 or ignore."""
        valid_HW = label_HW != self.ignore_index
        true = label_HW[valid_HW] == 1
        probability = probability_HW[valid_HW].float()
        threshold_N1 = probability.new_tensor(self.thresholds)[:, None]
        predicted = probability > threshold_N1
        both_N = (predicted & true).sum(dim=1)
        either_N = (predicted | true).sum(dim=1)
        iou_N = torch.where(either_N > 0, both_N.double() / either_N, 1.0)
        seen = valid_HW.any()
        self.ticks_N += (iou_N * TICKS).round().long() * seen
        self.images += seen

    def compute(self) -> Tensor:
        """The best threshold's mean; NaN when no labelled image was seen."""
        return 100 * self.ticks_N.double().amax() / TICKS / self.images
