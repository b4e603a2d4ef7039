"""ASTMT's F-measure of saliency. Shapes: N thresholds, H W pixels, K = 2 N + 1 counts."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.metrics.counting import CountingMetric, in_ticks

TICKS = 2**32


class MaxMeanF(CountingMetric):
    """F of precision and recall averaged over images, at the best threshold; in percent.

    F = 2 P R / (P + R) (beta = 1), P and R being means of every image's own, 0 where an image has
    no predicted or no true pixel, and F 0 where both are 0; a pixel is predicted where probability
    > threshold, thresholds being evenly spaced from 0.2 to 0.9. Source: the "maxF" of ASTMT (arXiv
    1904.08918) and of Multi-Task-Learning-PyTorch; ATRC's is `MaxF`. Pixels labelled `ignore_index`
    do not count. Counts: precision_N and recall_N of every image in ticks of 2^-32, images.
    """

    higher_is_better = True

    def __init__(self, num_thresholds: int = 15, ignore_index: int = 255) -> None:
        """Try `num_thresholds` thresholds."""
        super().__init__(2 * num_thresholds + 1)
        self.ignore_index = ignore_index
        self.thresholds = torch.linspace(0.2, 0.9, num_thresholds, dtype=torch.float64).tolist()

    def count(self, probability_HW: Tensor, label_HW: Tensor) -> Tensor:
        """The counts_K of one image, given saliency probabilities and the label 0, 1 or ignore."""
        valid_HW = label_HW != self.ignore_index
        true = label_HW[valid_HW] == 1
        probability = probability_HW[valid_HW].float()
        predicted = probability > probability.new_tensor(self.thresholds)[:, None]
        hits_N = (predicted & true).sum(dim=1).double()
        precision_N = hits_N / predicted.sum(dim=1).clamp(min=1)
        recall_N = hits_N / true.sum().clamp(min=1)
        shares = in_ticks(torch.cat([precision_N, recall_N]), TICKS)
        return torch.cat([shares, valid_HW.any().long()[None]])

    def score(self, counts_K: Tensor) -> Tensor:
        """The best threshold's F-measure; NaN when no labelled image was seen."""
        number = len(self.thresholds)
        precision_N, recall_N, images = counts_K.split([number, number, 1], dim=-1)
        total_N = (precision_N + recall_N).clamp(min=1).double()
        f_N = 2 * precision_N.double() * recall_N.double() / total_N / TICKS / images.clamp(min=1)
        return torch.where(images[..., 0] > 0, 100 * f_N.amax(dim=-1), torch.nan)
