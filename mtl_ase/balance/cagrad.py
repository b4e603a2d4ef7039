"""CAGrad. Legend: T, S tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import GramianRule, ridged
from mtl_ase.balance.quadratic_programme import shortest_towards_mean, stationary
from mtl_ase.base.bounds import Weight

TOLERANCE = 1e-12
MAX_STEPS = 60


class CAGrad(GramianRule):
    """d maximises min_t <g_t, d> over |d - g_0| <= c |g_0|, where g_0 is the mean gradient.

    So d = g_0 + c |g_0| / |g_w| g_w, where g_w = J^T w and w minimises <g_w, g_0> + c |g_0| |g_w|
    over w >= 0 with sum 1: c = 0 is the mean, a large c MGDA.

    Source: CAGrad, arXiv 2110.14048. The official code finds w by SLSQP, adds 1e-8 to lengths, and
    divides d by 1 + c^2; the paper does not, nor do we by default.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        c: radius of the ball around the mean gradient, as a share of its length.
        rescale: what d is divided by.
        weigh_private: multiply the gradients of what only one task uses by its weight, too.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        c: Weight = 0.4,
        rescale: Literal["none", "1+c^2", "1+c"] = "none",
        weigh_private: bool = False,
    ) -> None:
        super().__init__(weights, weigh_private)
        self.c = c
        self.divisor = {"none": 1.0, "1+c^2": 1 + c**2, "1+c": 1 + c}[rescale]

    def weigh(self, gramian_TS: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Tensor:
        """Weights_T: 1/T and those of the step away from the mean."""
        mean_T = gramian_TS.new_full((len(rows),), 1 / len(rows))
        if not self.c:
            return mean_T
        return (mean_T + conflict_averse(ridged(gramian_TS), self.c)) / self.divisor


def conflict_averse(gramian_TS: Tensor, c: float) -> Tensor:
    """The weights_T c |g_0| / |g_w| w of the step away from the mean gradient.

    If p = |g_w| / (c |g_0|) is known, then w is the minimiser of |g_w + p g_0|. While the tasks
    with w > 0 stay the same, |g_w|^2 / p^2 = (c |g_0|)^2 is linear in 1 / p^2, so Newton's method
    in q = 1 / p^2 ends after a few steps; the left side grows with q, which brackets the solution.

    Args:
        gramian_TS: positive definite, in 64 bits.
        c: above 0.
    """
    wanted = c**2 * float(gramian_TS.mean())
    low, high, q = 0.0, math.inf, c**2
    for _ in range(MAX_STEPS):
        w_T = shortest_towards_mean(gramian_TS, q**-0.5)
        excess = q * float(w_T @ gramian_TS @ w_T) - wanted
        if abs(excess) <= TOLERANCE * wanted:
            break
        low, high = (low, q) if excess > 0 else (q, high)
        inverse_T = stationary(gramian_TS, -torch.ones_like(w_T), w_T > 0)  # sum: 1 / slope
        q -= excess * float(inverse_T.sum())
        if not low < q < high:
            q = 4 * low if high == math.inf else (low + high) / 2
    return w_T * (wanted / (w_T @ gramian_TS @ w_T)).sqrt()
