"""Maximal F-measure of saliency. Shapes: N thresholds, H W pixels, K = 2 N + 2 counts."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.base.bounds import Weight
from mtl_ase.metrics.counting import CountingMetric

THRESHOLDS = [step / 20 for step in range(1, 20)]


class MaxF(CountingMetric):
    """F-measure of the pixels of all images together, at the best threshold; in percent.

    F = (1 + beta2) P R / (beta2 P + R) = (1 + beta2) hits / (beta2 true + predicted), 0 where
    nothing is true or predicted; a pixel is predicted where probability >= threshold, thresholds
    being 0.05, 0.10, ... 0.95. Source: the "maxF" of ATRC (arXiv 2104.13874) and InvPT. Pixels
    labelled `ignore_index` do not count. Counts: hits_N, predicted_N, true pixels, images.
    """

    higher_is_better = True

    def __init__(
        self, beta2: Weight = 0.3, ignore_index: int = 255, double_sigmoid: bool = False
    ) -> None:
        """Set the options.

        Args:
            beta2: beta squared; below 1, precision weighs more than recall.
            ignore_index: label value of ignored pixels.
            double_sigmoid: apply a second sigmoid to the probabilities, a bug of InvPT,
                TaskPrompter and MLoRE, for comparison with their published results.
        """
        super().__init__(2 * len(THRESHOLDS) + 2)
        self.beta2 = beta2
        self.ignore_index = ignore_index
        self.double_sigmoid = double_sigmoid

    def count(self, probability_HW: Tensor, label_HW: Tensor) -> Tensor:
        """The counts_K of one image, given saliency probabilities and the label 0, 1 or ignore."""
        valid_HW = label_HW != self.ignore_index
        true = label_HW[valid_HW] == 1
        probability = probability_HW[valid_HW].float()
        if self.double_sigmoid:
            probability = probability.sigmoid()
        predicted = probability >= probability.new_tensor(THRESHOLDS)[:, None]
        hits_N, predicted_N = (predicted & true).sum(dim=1), predicted.sum(dim=1)
        return torch.cat([hits_N, predicted_N, true.sum()[None], valid_HW.any().long()[None]])

    def score(self, counts_K: Tensor) -> Tensor:
        """The best threshold's F-measure; NaN when no labelled image was seen."""
        number = len(THRESHOLDS)
        hits_N, predicted_N, true, images = counts_K.split([number, number, 1, 1], dim=-1)
        weighted_N = self.beta2 * true.double() + predicted_N
        f_N = (1 + self.beta2) * hits_N.double() / weighted_N.clamp(min=1e-9)
        return torch.where(images[..., 0] > 0, 100 * f_N.amax(dim=-1), torch.nan)
