"""What the saliency metrics of ASTMT share. Shapes: N thresholds, H W pixels, V valid pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.base.bounds import Positive
from mtl_ase.metrics.counting import CountingMetric


class ThresholdedSaliency(CountingMetric):
    """A score of saliency masks: probability > threshold, evenly spaced from 0.2 to 0.9.

    Source: ASTMT (arXiv 1904.08918).

    Args:
        counts_per_threshold: counts of every threshold; one more counts the images.
        num_thresholds: N, number of thresholds.
        ignore_index: label value of ignored pixels.
    """

    higher_is_better = True

    def __init__(
        self, counts_per_threshold: int, num_thresholds: Positive, ignore_index: int
    ) -> None:
        super().__init__(counts_per_threshold * num_thresholds + 1)
        self.ignore_index = ignore_index
        self.thresholds = torch.linspace(0.2, 0.9, num_thresholds, dtype=torch.float64).tolist()

    def masks(self, probability_HW: Tensor, label_HW: Tensor) -> tuple[Tensor, Tensor]:
        """The valid pixels of one image: predicted_NV at every threshold, and true_V."""
        valid_HW = label_HW != self.ignore_index
        probability_V = probability_HW[valid_HW].float()
        predicted_NV = probability_V > probability_V.new_tensor(self.thresholds)[:, None]
        return predicted_NV, label_HW[valid_HW] == 1
