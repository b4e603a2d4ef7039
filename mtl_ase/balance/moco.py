"""MoCo. Legend: T tasks, P shared parameters in one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import Combined, GradientRule, gramian
from mtl_ase.base.bounds import AboveZero, Share, Weight

EPSILON = 1e-8


class MoCo(GradientRule):
    """d = Y^T w: y_t tracks g_t, and w steps towards the shortest vector in the hull of the y_t.

    y_t <- y_t + beta_k (L_t g_t / |g_t| - y_t); w <- softmax(w - gamma_k (Y Y^T + rho I) w), where
    beta_k = beta / k^(1/2) and gamma_k = gamma / k^(1/2) at a task's k-th step.

    Source: MoCo, arXiv 2210.12624, with the normalised gradients, the softmax and the values of
    LibMTL; the paper projects on the simplex. Without a task, the others' w have sum 1 in the step,
    and keep their share of all in what is remembered. One (T, P) copy is kept: the y.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        beta: share of the new gradient at the first step.
        gamma: step size of w at the first step.
        rho: pulls the w together.
        weigh_private: multiply the gradients of what only one task uses by its weight, too.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        beta: Share = 0.5,
        gamma: AboveZero = 0.1,
        rho: Weight = 0.0,
        weigh_private: bool = False,
    ) -> None:
        super().__init__(weights, weigh_private)
        self.beta, self.gamma, self.rho = beta, gamma, rho
        self.y_TP: Tensor
        self.w_T: Tensor
        self.steps_T: Tensor
        self.register_buffer("y_TP", torch.zeros(len(weights), 0))
        self.register_buffer("w_T", torch.full((len(weights),), 1 / len(weights)).double())
        self.register_buffer("steps_T", torch.zeros(len(weights), dtype=torch.int64))

    def allocate(self, block_P: Tensor) -> None:
        """Make the buffer of the tracked gradients."""
        self.y_TP = self.y_TP.new_zeros(len(self.y_TP), len(block_P))

    def combine(self, jacobian_TP: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Combined:
        """The sum of the tracked gradients times their weights."""
        self.steps_T[rows] += 1
        decay_T = self.steps_T[rows].double().rsqrt()
        seen_TP = jacobian_TP.to(self.y_TP.dtype)
        length_T = seen_TP.norm(dim=1) + EPSILON
        seen_TP = seen_TP * (losses_T.to(seen_TP) / length_T)[:, None]
        share_T1 = (self.beta * decay_T).to(seen_TP)[:, None]
        self.y_TP[rows] = self.y_TP[rows].lerp(seen_TP, share_T1)
        y_TP, before_T = self.y_TP[rows], self.w_T[rows].cpu()
        w_T = before_T / before_T.sum()
        pull_T = gramian(y_TP) @ w_T + self.rho * w_T
        w_T = (w_T - self.gamma * decay_T.cpu() * pull_T).softmax(0)
        self.w_T[rows] = (w_T * before_T.sum()).to(self.w_T.device)
        return Combined((w_T.to(y_TP) @ y_TP).to(jacobian_TP), w_T)
