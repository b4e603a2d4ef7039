"""FairGrad. Legend: T, S tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import GramianRule, ridged
from mtl_ase.base.bounds import Bounds

TOLERANCE = 1e-12
MAX_STEPS = 200
LONGEST = 4.0
"""Largest change of the logarithm of a weight in one step."""


class FairGrad(GramianRule):
    """d maximises sum_t <g_t, d>^(1 - alpha) / (1 - alpha): G w = w^(-1/alpha), d = J^T w.

    Source: fair resource allocation in multi-task learning, arXiv 2402.15638. alpha = 1 is Nash-MTL
    (proportional fairness), a large alpha cares for the task that gains least, a small one for the
    plain sum. The official code solves the equation by least squares, in 100 T evaluations at most;
    we take Newton's method. As there G is not normalised, so the length of d depends on the scale
    of the losses. The ridge is as in `NashMTL`. The default of the official code is alpha = 1;
    its runs on CelebA, and ours, have 2.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        alpha: of alpha-fairness.
        weigh_private: multiply the gradients of what only one task uses by its weight, too, as the
            official code does.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        alpha: Annotated[float, Bounds(0.1, 20)] = 2.0,
        weigh_private: bool = False,
    ) -> None:
        super().__init__(weights, weigh_private)
        self.alpha = alpha

    def weigh(self, gramian_TS: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Tensor:
        """The fair weights_T."""
        size = gramian_TS.norm()
        back = size ** (-self.alpha / (1 + self.alpha))
        return back * fair_weights(ridged(gramian_TS / size), self.alpha)


def fair_weights(gramian_TS: Tensor, alpha: float) -> Tensor:
    """The only w > 0 with G w = w^(-1/alpha).

    It minimises 1/2 w^T G w - sum_t w_t^(1 - 1/alpha) / (1 - 1/alpha), which is convex. Each step
    of Newton's method changes log w, so that w stays above 0 and large ratios come in few steps.

    Args:
        gramian_TS: positive definite, in 64 bits.
        alpha: from 0.1 to 20, beyond which 64 bits may not do.
    """
    log_w_T = gramian_TS.diagonal().log() * (-alpha / (1 + alpha))
    for _ in range(MAX_STEPS):
        w_T, wanted_T = log_w_T.exp(), (-log_w_T / alpha).exp()
        lack_T = wanted_T - gramian_TS @ w_T
        if (lack_T.abs() <= TOLERANCE * (gramian_TS.abs() @ w_T)).all():
            break
        slope_TS = gramian_TS * w_T + (wanted_T / alpha).diag()
        slope_T = slope_TS.diagonal()
        step_T = torch.linalg.solve(slope_TS / slope_T[:, None], lack_T / slope_T)
        log_w_T = log_w_T + step_T * (LONGEST / step_T.abs().max()).clamp(max=1)
    return log_w_T.exp()
