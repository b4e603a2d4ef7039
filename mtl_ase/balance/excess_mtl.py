"""ExcessMTL. Legend: T tasks, P shared parameters in one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import Combined, GradientRule
from mtl_ase.base.bounds import AboveZero

EPSILON = 1e-7


class ExcessMTL(GradientRule):
    """d = J^T w; tasks far from the least loss they can reach weigh more.

    The excess risk of a task is estimated by e_t = sum_p g_tp^2 / sqrt(s_tp), s_t the sum of all
    g_t^2 so far, which stands for the Hessian; then w_t <- w_t exp(lr e_t / e_t(0)), and the w are
    scaled to sum to the number of tasks. Without a task, those of the others keep their own sum.

    Source: ExcessMTL, arXiv 2402.02009; values and the division by the first estimate are LibMTL's,
    where the first step's estimates themselves are in the exponent. One (T, P) copy is kept: the s.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        lr: step size of log w.
        weigh_private: multiply the gradients of what only one task uses by its weight, too.
    """

    def __init__(
        self, weights: Mapping[str, float], lr: AboveZero = 0.01, weigh_private: bool = False
    ) -> None:
        super().__init__(weights, weigh_private)
        self.lr = lr
        self.squares_TP: Tensor
        self.log_w_T: Tensor
        self.first_T: Tensor
        self.register_buffer("squares_TP", torch.zeros(len(weights), 0))
        for name in ("log_w_T", "first_T"):
            self.register_buffer(name, torch.zeros(len(weights), dtype=torch.float64))

    def allocate(self, block_P: Tensor) -> None:
        """Make the buffer of the sums of squares."""
        self.squares_TP = self.squares_TP.new_zeros(len(self.squares_TP), len(block_P))

    def combine(self, jacobian_TP: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Combined:
        """The sum of the gradients times the tasks' weights."""
        square_TP = jacobian_TP.to(self.squares_TP.dtype).square()
        self.squares_TP[rows] += square_TP
        excess_T = (square_TP / (self.squares_TP[rows] + EPSILON).sqrt()).sum(1).double()
        first_T = self.first_T[rows].where(self.first_T[rows] > 0, excess_T)
        self.first_T[rows] = first_T
        ratio_T = excess_T / first_T.clamp(min=torch.finfo(first_T.dtype).tiny)
        before_T = self.log_w_T[rows]
        log_w_T = before_T + self.lr * ratio_T
        self.log_w_T[rows] = log_w_T - log_w_T.logsumexp(0) + before_T.logsumexp(0)
        weights_T = len(rows) * log_w_T.softmax(0)
        return Combined(weights_T.to(jacobian_TP) @ jacobian_TP, weights_T.cpu())
