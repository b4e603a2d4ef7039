"""Random loss weighting. Legend: T tasks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mtl_ase.balance.balance import Balance
from mtl_ase.balance.present_tasks import shares
from mtl_ase.balance.shared_randomness import SharedRandomness
from mtl_ase.base.bounds import Seed


class RLW(Balance):
    """total = sum_t w_t L_t, w = T softmax(z), where z ~ N(0, 1) is drawn anew for every batch.

    Source: RLW, arXiv 2111.10603. There the w add up to 1; ours to the number of tasks present, so
    that their expectation is 1 and the total keeps the scale of fixed weights.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        seed: of the run.
    """

    def __init__(self, weights: Mapping[str, float], seed: Seed = 0) -> None:
        super().__init__(weights)
        self.randomness = SharedRandomness(seed)

    def total(self, losses_T: Tensor, present_T: Tensor) -> Tensor:
        """The weighted sum over the tasks that are present."""
        z_T = torch.randn(len(losses_T), generator=self.randomness.generator())
        w_T = present_T.sum() * shares(z_T.to(losses_T), present_T)
        return (w_T * losses_T).sum()
