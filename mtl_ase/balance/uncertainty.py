"""Uncertainty weighting. Legend: T tasks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mtl_ase.balance.balance import Balance
from mtl_ase.base.bounds import AboveZero


class Uncertainty(Balance):
    """total = sum_t 1/2 exp(-s_t) L_t + 1/2 s_t, where s_t, the log of a variance, is learned.

    Source: Kendall et al., arXiv 1705.07115, who write 1/2 for regression and 1 for classification;
    as in most code, LibMTL's for one, it is 1/2 for all. LibMTL starts at s = -0.5, TorchJD and we
    at 0. The s have the optimiser and schedule of the network, without weight decay.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        start: s_t at the start.
        lr_factor: factor on the learning rate of the s.
    """

    def __init__(
        self, weights: Mapping[str, float], start: float = 0.0, lr_factor: AboveZero = 1.0
    ) -> None:
        super().__init__(weights)
        self.lr_factor = lr_factor
        self.log_variances_T = nn.Parameter(torch.full((len(weights),), float(start)))

    def total(self, losses_T: Tensor, present_T: Tensor) -> Tensor:
        """The sum over the tasks that are present; no other s gets a gradient."""
        s_T = self.log_variances_T
        return ((torch.exp(-s_T) * losses_T + s_T) * present_T).sum() / 2
