"""Small quadratic programmes on a Gramian, solved exactly. Legend: T, S tasks.

All are one programme over numbers from 0 on, which an active set solves as Lawson and Hanson do for
least squares. Gradients are scaled to length 1 first, so that no scale of a loss matters.
"""

from __future__ import annotations

import torch
from torch import Tensor

RIDGE = 1e-14
"""Added to the diagonal of a scaled Gramian; gradients in 32 bits tell no smaller eigenvalue."""
TOLERANCE = 1e-12
MAX_CHANGES = 10
"""Most tasks that enter the active set, for each task; about one is usual."""


def shortest_in_hull(gramian_TS: Tensor) -> Tensor:
    """The minimiser w of w^T G w over w >= 0 with sum 1: the hull's shortest vector is J^T w.

    Up to its scale, w minimises x^T (G + s 1 1^T) x / 2 - s sum(x) over x >= 0, for any s > 0.
    """
    shift = gramian_TS.diagonal().min()
    x_T = least_from_zero(gramian_TS + shift, (-shift).expand(len(gramian_TS)))
    return x_T / x_T.sum()


def shortest_towards_mean(gramian_TS: Tensor, pull: float) -> Tensor:
    """The minimiser w of |J^T w + pull g_0| over w >= 0 with sum 1; g_0 is the mean gradient.

    Since the sum is 1, it is the shortest vector in the hull of all g_t + pull g_0.
    """
    with_mean_T, of_mean = pull * gramian_TS.mean(1), pull**2 * gramian_TS.mean()
    shifted_TS = gramian_TS + with_mean_T[:, None] + with_mean_T + of_mean
    rounding_T = RIDGE * (gramian_TS.diagonal() + of_mean)
    shifted_TS.diagonal().copy_(shifted_TS.diagonal().maximum(rounding_T))
    return shortest_in_hull(shifted_TS)


def shortest_above(gramian_TS: Tensor, least_T: Tensor) -> Tensor:
    """The minimiser v of v^T G v over v >= u, elementwise.

    J^T v is the projection of J^T u on the cone of the directions d with J d >= 0.
    """
    return least_T + least_from_zero(gramian_TS, gramian_TS @ least_T)


def least_from_zero(matrix_TS: Tensor, slope_T: Tensor) -> Tensor:
    """The minimiser x of x^T A x / 2 + b^T x over x >= 0.

    Args:
        matrix_TS: A, positive semi-definite, with a positive diagonal.
        slope_T: b, in the range of A, so that there is a least value.
    """
    scale_T = matrix_TS.diagonal().rsqrt()
    scaled_TS = scale_T[:, None] * matrix_TS * scale_T
    scaled_TS.diagonal().add_(RIDGE)
    slope_T = scale_T * slope_T
    enough = TOLERANCE * slope_T.abs().max()
    x_T, free_T = torch.zeros_like(slope_T), slope_T > torch.inf
    for _ in range(MAX_CHANGES * len(slope_T)):
        descent_T = torch.where(free_T, 0, -slope_T - scaled_TS @ x_T)
        if descent_T.max() <= enough:
            break
        free_T[descent_T.argmax()] = True
        while (target_T := stationary(scaled_TS, slope_T, free_T)).min() < 0:
            share_T = torch.where(target_T < 0, x_T / (x_T - target_T), torch.inf)
            x_T = x_T + share_T.min() * (target_T - x_T)
            x_T[share_T.argmin()] = 0
            free_T[share_T.argmin()] = False
        x_T = target_T
    return scale_T * x_T


def stationary(matrix_TS: Tensor, slope_T: Tensor, free_T: Tensor) -> Tensor:
    """The x with (A x + b)_t = 0 at free t, and x_t = 0 at all others."""
    free_TS = free_T[:, None] & free_T
    eye_TS = torch.eye(len(slope_T), dtype=slope_T.dtype)
    return torch.linalg.solve(torch.where(free_TS, matrix_TS, eye_TS), -slope_T * free_T)
