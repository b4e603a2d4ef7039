"""ASTMT's F-measure of saliency. Shapes: N thresholds, H W pixels, K = 2 N + 1 counts."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.base.bounds import Positive
from mtl_ase.metrics.counting import in_ticks
from mtl_ase.metrics.saliency_masks import ThresholdedSaliency

TICKS = 2**32


class MaxMeanF(ThresholdedSaliency):
    """F of precision and recall averaged over images, at the best threshold; in percent.

    F = 2 P R / (P + R) (beta = 1), P and R being means of every image's own, 0 where an image has
    no predicted or no true pixel, and F 0 where both are 0; a pixel is predicted where probability
    > threshold, thresholds being evenly spaced from 0.2 to 0.9. Source: the "maxF" of ASTMT (arXiv
    1904.08918) and of Multi-Task-Learning-PyTorch; ATRC's is `MaxF`. Pixels labelled `ignore_index`
    do not count. Counts: precision_N and recall_N of every image in ticks of 2^-32, images.
    """

    def __init__(self, num_thresholds: Positive = 15, ignore_index: int = 255) -> None:
        """Try `num_thresholds` thresholds."""
        super().__init__(2, num_thresholds, ignore_index)

    def count(self, probability_HW: Tensor, label_HW: Tensor) -> Tensor:
        """The counts_K of one image, given saliency probabilities and the label 0, 1 or ignore."""
        predicted_NV, true_V = self.masks(probability_HW, label_HW)
        seen = torch.tensor(true_V.numel() > 0, device=true_V.device).long()
        hits_N = (predicted_NV & true_V).sum(dim=1).double()
        precision_N = hits_N / predicted_NV.sum(dim=1).clamp(min=1)
        recall_N = hits_N / true_V.sum().clamp(min=1)
        shares = in_ticks(torch.cat([precision_N, recall_N]), TICKS)
        return torch.cat([shares, seen[None]])

    def score(self, counts_K: Tensor) -> Tensor:
        """The best threshold's F-measure; NaN when no labelled image was seen."""
        number = len(self.thresholds)
        precision_N, recall_N, images = counts_K.split([number, number, 1], dim=-1)
        total_N = (precision_N + recall_N).clamp(min=1).double()
        f_N = 2 * precision_N.double() * recall_N.double() / total_N / TICKS / images.clamp(min=1)
        return torch.where(images[..., 0] > 0, 100 * f_N.amax(dim=-1), torch.nan)
