"""Mean losses of an epoch. Legend: T tasks."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.balance.kept_precision import KeptPrecision


class EpochMeans(KeptPrecision):
    """Each task's mean loss over the batches of an epoch that have labels of it.

    Args:
        num_tasks: number of tasks.
    """

    def __init__(self, num_tasks: int) -> None:
        super().__init__()
        self.sum_T: Tensor
        self.count_T: Tensor
        self.register_buffer("sum_T", torch.zeros(num_tasks, dtype=torch.float64))
        self.register_buffer("count_T", torch.zeros(num_tasks, dtype=torch.int64))

    def add(self, losses_T: Tensor, present_T: Tensor) -> None:
        """Add a batch that is learned from, without losses that are NaN or infinite."""
        if self.training and torch.is_grad_enabled():
            counted_T = present_T & losses_T.isfinite()
            self.sum_T += losses_T.detach().where(counted_T, 0)
            self.count_T += counted_T

    def take(self, otherwise_T: Tensor) -> Tensor:
        """End the epoch: its means, or these values for tasks without labels in it."""
        means_T = (self.sum_T / self.count_T).where(self.count_T > 0, otherwise_T)
        self.sum_T.zero_()
        self.count_T.zero_()
        return means_T
