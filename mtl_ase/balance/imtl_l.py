"""IMTL-L. Legend: T tasks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mtl_ase.balance.balance import Balance
from mtl_ase.base.bounds import AboveZero


class IMTLL(Balance):
    """total = sum_t exp(s_t) L_t - s_t, where s_t is learned: at its best every exp(s_t) L_t is 1.

    Source: IMTL, ICLR 2021, openreview.net/forum?id=IMPnRXEWpvr, its balance of losses. It has no
    official code; LibMTL and we start at s = 0. With s of the opposite sign it is twice
    `Uncertainty`. The s have the optimiser and schedule of the network, without weight decay.

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
        self.log_scales_T = nn.Parameter(torch.full((len(weights),), float(start)))

    def total(self, losses_T: Tensor, present_T: Tensor) -> Tensor:
        """The sum over the tasks that are present; no other s gets a gradient."""
        s_T = self.log_scales_T
        return ((torch.exp(s_T) * losses_T - s_T) * present_T).sum()
