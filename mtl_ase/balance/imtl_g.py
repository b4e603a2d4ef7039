"""IMTL-G. Legend: T, S tasks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import GramianRule, ridged

MOST = 100.0
"""Largest absolute weight; without a bound they are infinite where their sum passes 0."""


class IMTLG(GramianRule):
    """d has the same projection on every gradient: w = G^-1 sqrt(diag G), normalised to sum 1.

    Source: towards impartial multi-task learning, ICLR 2021 (IMTL-G). Weights may be negative. Two
    deviations: where their sum is negative, the paper's d would increase all losses, so its sign is
    changed; and no absolute weight is above 100. Where no d has equal projections, e.g. for
    opposite gradients, the ridge gives the limit of those that nearly are. The paper's IMTL joins
    this rule to one on losses, IMTL-L.

    Args:
        weigh_private: multiply the gradients of what only one task uses by its weight, too.
    """

    def weigh(self, gramian_TS: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Tensor:
        """Weights_T with sum 1, or -1, unless that made one larger than `MOST`."""
        lengths_T = gramian_TS.diagonal().sqrt()
        equal_T = torch.linalg.solve(ridged(gramian_TS), lengths_T)
        return equal_T / equal_T.sum().abs().clamp(min=equal_T.abs().max() / MOST)
