"""Dynamic weight average. Legend: T tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from mtl_ase.balance.balance import Balance
from mtl_ase.balance.epoch_means import EpochMeans
from mtl_ase.balance.present_tasks import shares
from mtl_ase.base.bounds import AboveZero


class DWA(Balance):
    """total = sum_t w_t L_t, w = T softmax(r / temperature), r_t = L_t(e - 1) / L_t(e - 2).

    L_t(e) is the mean loss of epoch e: tasks whose loss falls slowly weigh more. In the first two
    epochs all w are 1.

    Source: MTAN, arXiv 1803.10704. The official code averages all batches; we leave out those
    without labels of a task, and such a task out of T and the softmax.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        temperature: the larger, the more equal are the w.
    """

    def __init__(self, weights: Mapping[str, float], temperature: AboveZero = 2.0) -> None:
        super().__init__(weights)
        self.temperature = temperature
        self.epoch = EpochMeans(len(weights))
        self.last_T: Tensor
        self.ratio_T: Tensor
        unknown_T = torch.full((len(weights),), math.nan, dtype=torch.float64)
        self.register_buffer("last_T", unknown_T)
        self.register_buffer("ratio_T", torch.ones_like(unknown_T))

    def total(self, losses_T: Tensor, present_T: Tensor) -> Tensor:
        """The weighted sum; in training, counted for the epoch's mean."""
        self.epoch.add(losses_T, present_T)
        w_T = present_T.sum() * shares(self.ratio_T / self.temperature, present_T)
        return (w_T.to(losses_T) * losses_T).sum()

    def end_epoch(self) -> None:
        """Compare the epoch's means with those of the one before; 1 where there is none."""
        mean_T = self.epoch.take(otherwise_T=self.last_T)
        self.ratio_T.copy_((mean_T / self.last_T).nan_to_num(nan=1.0))
        self.last_T.copy_(mean_T)
