"""GradNorm. Legend: T, S tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import GramianRule
from mtl_ase.base.bounds import AboveZero, Weight


class GradNorm(GramianRule):
    """w = T softmax(z), learned so that w_t |g_t| follows the tasks' training rates.

    z goes down the gradient of sum_t |w_t |g_t| - c_t| / mean_s |g_s|, where c_t = mean_s(w_s
    |g_s|) r_t^alpha is held constant and r_t = (L_t / L_t(0)) / mean_s(L_s / L_s(0)).

    Source: GradNorm, arXiv 1711.02257; the softmax in place of renormalised weights is LibMTL's.
    Norms are those of the gradients of all shared parameters, where the paper takes one layer's;
    neither divides by their mean, which keeps the scale of the losses out of the step size. z is
    updated by plain gradient descent, after the step's weights are taken. L_t(0) is of the first
    step in which a task is present. No (T, P) copy is kept.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        alpha: how strongly slow tasks are pulled forward; 0: not at all.
        lr: step size of z.
        weigh_private: multiply the gradients of what only one task uses by its weight, too.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        alpha: Weight = 1.5,
        lr: AboveZero = 0.025,
        weigh_private: bool = False,
    ) -> None:
        super().__init__(weights, weigh_private)
        self.alpha, self.lr = alpha, lr
        self.z_T: Tensor
        self.first_T: Tensor
        for name in ("z_T", "first_T"):
            self.register_buffer(name, torch.zeros(len(weights), dtype=torch.float64))

    def weigh(self, gramian_TS: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Tensor:
        """The weights_T; their sum is the number of tasks."""
        z_T, first_T = self.z_T[rows].cpu(), self.first_T[rows].cpu()
        first_T = first_T.where(first_T > 0, losses_T)
        norm_T, w_T = gramian_TS.diagonal().sqrt(), len(rows) * z_T.softmax(0)
        rate_T = losses_T / first_T
        target_T = (w_T * norm_T).mean() * (rate_T / rate_T.mean()) ** self.alpha
        slope_T = (w_T * norm_T - target_T).sign() * norm_T / norm_T.mean()
        slope_T = w_T * (slope_T - (w_T * slope_T).mean())  # through the softmax
        self.z_T[rows] = (z_T - self.lr * slope_T).to(self.z_T.device)
        self.first_T[rows] = first_T.to(self.first_T.device)
        return w_T
