"""DB-MTL. Legend: T tasks, P shared parameters in one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import Combined, GradientRule, gramian
from mtl_ase.base.bounds import Share

EPSILON = 1e-8


class DBMTL(GradientRule):
    """d = max_s |v_s| sum_t v_t / |v_t|, v_t a running mean of g_t / L_t, the gradient of log L_t.

    v_t <- v_t + (1 - beta) (g_t / L_t - v_t), from 0.

    Source: DB-MTL, arXiv 2308.12029, with beta constant; LibMTL's may shrink with the steps. One
    (T, P) copy is kept: the means. Private parameters get the gradient of L_t and not of log L_t.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        beta: share of the running mean that stays in a step.
        weigh_private: multiply the gradients of what only one task uses by its weight, too.
    """

    def __init__(
        self, weights: Mapping[str, float], beta: Share = 0.9, weigh_private: bool = False
    ) -> None:
        super().__init__(weights, weigh_private)
        self.beta = beta
        self.mean_TP: Tensor
        self.register_buffer("mean_TP", torch.zeros(len(weights), 0))

    def allocate(self, block_P: Tensor) -> None:
        """Make the buffer of the running means."""
        self.mean_TP = self.mean_TP.new_zeros(len(self.mean_TP), len(block_P))

    def combine(self, jacobian_TP: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Combined:
        """The sum of the running means, all as long as the longest."""
        losses_T1 = losses_T[:, None].to(self.mean_TP.dtype)
        of_log_TP = jacobian_TP.to(self.mean_TP.dtype) / (losses_T1 + EPSILON)
        self.mean_TP[rows] = of_log_TP.lerp(self.mean_TP[rows], self.beta)
        mean_TP = self.mean_TP[rows]
        norm_T = gramian(mean_TP).diagonal().sqrt()
        scale_T = torch.where(norm_T > 0, norm_T.max() / norm_T, 0)
        return Combined((scale_T.to(mean_TP) @ mean_TP).to(jacobian_TP), scale_T)
