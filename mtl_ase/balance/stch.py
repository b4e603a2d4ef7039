"""Smooth Tchebycheff scalarisation. Legend: T tasks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mtl_ase.balance.balance import Balance
from mtl_ase.balance.epoch_means import EpochMeans
from mtl_ase.balance.present_tasks import logs
from mtl_ase.base.bounds import AboveZero, Positive


class STCH(Balance):
    """total = T mu log sum_t exp(log(L_t / n_t) / mu): a smooth maximum, T max_t for small mu.

    The reference n_t is the task's mean loss in the last of some epochs of warm-up, in which the
    total is sum_t log L_t.

    Source: smooth Tchebycheff scalarisation, arXiv 2402.19078, whose objectives here are the
    logarithms of the losses, as in its official code for multi-task learning; so the tasks' weights
    cancel. There the warm-up has 5 epochs of 200, too.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        mu: the smaller, the closer to the maximum.
        warmup_epochs: epochs of warm-up.
    """

    def __init__(
        self, weights: Mapping[str, float], mu: AboveZero = 1.0, warmup_epochs: Positive = 5
    ) -> None:
        super().__init__(weights)
        self.mu, self.warmup_epochs = mu, warmup_epochs
        self.epoch = EpochMeans(len(weights))
        self.epochs: Tensor
        self.reference_T: Tensor
        self.register_buffer("epochs", torch.zeros((), dtype=torch.int64))
        self.register_buffer("reference_T", torch.ones(len(weights), dtype=torch.float64))

    def total(self, losses_T: Tensor, present_T: Tensor) -> Tensor:
        """The smooth maximum over the tasks that are present; in the warm-up their sum of logs."""
        self.epoch.add(losses_T, present_T)
        logs_T = logs(losses_T, present_T)
        fallen_T = (logs_T - self.reference_T.log().to(logs_T)) / self.mu
        lowest = torch.finfo(fallen_T.dtype).min
        maximum = self.mu * fallen_T.masked_fill(~present_T, lowest).logsumexp(0)
        warm = self.epochs < self.warmup_epochs
        return logs_T.sum().where(warm | ~present_T.any(), present_T.sum() * maximum)

    def end_epoch(self) -> None:
        """Keep the means of an epoch of warm-up, for tasks that were labelled in it."""
        means_T = self.epoch.take(otherwise_T=self.reference_T)
        if self.epochs < self.warmup_epochs:
            self.reference_T.copy_(means_T)
        self.epochs += 1
