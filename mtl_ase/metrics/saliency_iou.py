"""Saliency IoU of the ASTMT protocol. Shapes: N thresholds, H W pixels, K = N + 1 counts."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.base.bounds import Positive
from mtl_ase.metrics.counting import in_ticks
from mtl_ase.metrics.saliency_masks import ThresholdedSaliency

TICKS = 2**32


class SaliencyIoU(ThresholdedSaliency):
    """Foreground IoU of each image, averaged over images, at the best threshold; in percent.

    A pixel is salient where probability > threshold, thresholds being evenly spaced from 0.2 to
    0.9; the IoU of an image with neither salient labels nor salient predictions is 1. Source:
    ASTMT (arXiv 1904.08918), the "mIoU" of saliency in the paper's tables. Pixels labelled
    `ignore_index` do not count. Counts: IoU_N of every image in ticks of 2^-32, images.
    """

    def __init__(self, num_thresholds: Positive = 15, ignore_index: int = 255) -> None:
        """Try `num_thresholds` thresholds."""
        super().__init__(1, num_thresholds, ignore_index)

    def count(self, probability_HW: Tensor, label_HW: Tensor) -> Tensor:
        """The counts_K of one image, given saliency probabilities and the label 0, 1 or ignore."""
        predicted_NV, true_V = self.masks(probability_HW, label_HW)
        both_N, either_N = (predicted_NV & true_V).sum(dim=1), (predicted_NV | true_V).sum(dim=1)
        iou_N = torch.where(either_N > 0, both_N.double() / either_N, 1.0)
        seen = torch.tensor(true_V.numel() > 0, device=true_V.device).long()
        return torch.cat([in_ticks(iou_N, TICKS) * seen, seen[None]])

    def score(self, counts_K: Tensor) -> Tensor:
        """The best threshold's mean; NaN when no labelled image was seen."""
        return 100 * counts_K[..., :-1].double().amax(dim=-1) / TICKS / counts_K[..., -1]
