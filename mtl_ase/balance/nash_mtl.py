"""Nash-MTL. Legend: T, S tasks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import GramianRule, ridged

TOLERANCE = 1e-12
ROUNDING = 2e-16
"""Of a sum of a few numbers, as a share of the sum of their sizes: no step gets below it."""
MAX_STEPS = 200


class NashMTL(GramianRule):
    """The tasks bargain: the direction d maximises sum_t log <g_t, d>, so G a = 1 / a, d = J^T a.

    Source: Nash-MTL, arXiv 2202.01017. There a comes from a sequence of 20 convex programmes; it is
    also the only minimum of 1/2 a^T G a - sum_t log a_t, a > 0, which Newton's method finds
    exactly. As in the official code G is divided by its norm first, so that the scale of the
    losses cancels. Where no direction helps all tasks, e.g. two opposite gradients, no a is the
    solution; the ridge of `ridged` keeps a finite.

    Args:
        weigh_private: multiply the gradients of what only one task uses by its weight, too, as the
            official code does.
    """

    def weigh(self, gramian_TS: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Tensor:
        """The bargaining solution's weights_T."""
        return bargain(ridged(gramian_TS / gramian_TS.norm()))


def bargain(gramian_TS: Tensor) -> Tensor:
    """The only a > 0 with G a = 1 / a, by Newton's method.

    The objective is self-concordant, so steps of length 1 / (1 + decrement) stay in a > 0 and
    converge from anywhere, and full steps do quadratically once the decrement is below 1/4.

    Args:
        gramian_TS: positive definite, in 64 bits; one, or a batch of them.
    """
    eye_TS = torch.eye(gramian_TS.shape[-1], dtype=gramian_TS.dtype)
    a_T = gramian_TS.diagonal(dim1=-2, dim2=-1).rsqrt()
    for _ in range(MAX_STEPS):
        scaled_TS = a_T[..., None] * gramian_TS * a_T[..., None, :]
        excess_T = scaled_TS.sum(-1) - 1  # a (G a) - 1: 0 at the solution
        rounding_T = ROUNDING * scaled_TS.abs().sum(-1)
        done = (excess_T.abs() < TOLERANCE + rounding_T).all(-1, keepdim=True)
        if done.all():
            break
        step_T = torch.linalg.solve(scaled_TS + eye_TS, excess_T[..., None])[..., 0]
        decrement = (step_T * excess_T).sum(-1, keepdim=True).clamp(min=0).sqrt()
        factor_T = 1 - step_T / (1 + decrement.where(decrement >= 0.25, 0))
        a_T = (a_T * factor_T).where(~done, a_T)
    return a_T
