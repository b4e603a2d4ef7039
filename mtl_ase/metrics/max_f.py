"""Maximal F-measure of saliency. Shapes: N thresholds, H W pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric


class MaxF(Metric):
    """F-measure of the pixels of all images together, at the best threshold; in percent.

    F = (1 + beta2) P R / (beta2 P + R) = (1 + beta2) hits / (beta2 true + predicted), 0 where
    nothing is true or predicted; a pixel is predicted where probability >= threshold, thresholds
    being 0.05, 0.10, ... 0.95. Source: the "maxF" of ATRC (arXiv 2104.13874) and InvPT; those who
    follow apply the sigmoid twice, which we do not. Pixels labelled `ignore_index` do not count.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True
    hits_N: Tensor
    predicted_N: Tensor
    true: Tensor
    images: Tensor

    def __init__(self, beta2: float = 0.3, ignore_index: int = 255) -> None:
        """Weigh precision against recall by `beta2`, the square of beta."""
        super().__init__()
        self.beta2 = beta2
        self.ignore_index = ignore_index
        self.thresholds = [step / 20 for step in range(1, 20)]
        for name in ("hits_N", "predicted_N"):
            zeros_N = torch.zeros(len(self.thresholds), dtype=torch.int64)
            self.add_state(name, zeros_N, dist_reduce_fx="sum")
        for name in ("true", "images"):
            self.add_state(name, torch.tensor(0), dist_reduce_fx="sum")

    def update(self, probability_HW: Tensor, label_HW: Tensor) -> None:
        """Add one image, given the probability of being salient and the label 0, 1 or ignore."""
        valid_HW = label_HW != self.ignore_index
        true = label_HW[valid_HW] == 1
        probability = probability_HW[valid_HW].float()
        predicted = probability >= probability.new_tensor(self.thresholds)[:, None]
        self.hits_N += (predicted & true).sum(dim=1)
        self.predicted_N += predicted.sum(dim=1)
        self.true += true.sum()
        self.images += valid_HW.any()

    def compute(self) -> Tensor:
        """The best threshold's F-measure; NaN when no labelled image was seen."""
        weighted_N = self.beta2 * self.true.double() + self.predicted_N
        f_N = (1 + self.beta2) * self.hits_N.double() / weighted_N.clamp(min=1e-9)
        return torch.where(self.images > 0, 100 * f_N.amax(), torch.nan)
