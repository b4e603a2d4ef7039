"""Jacobians that the tests of balancing rules share. Legend: T tasks, P parameters."""

from __future__ import annotations

import torch
from torch import Tensor


def names(count: int) -> dict[str, float]:
    """Weights of 1 for this many tasks."""
    return {f"task{number}": 1.0 for number in range(count)}


def conflicting(count: int, number: int = 0, size: int = 0) -> Tensor:
    """Gradients of full rank, of different lengths, each in conflict with another."""
    generator = torch.Generator().manual_seed(1000 * count + number)
    size = size or count + 2
    while True:
        jacobian_TP = torch.randn(count, size, generator=generator, dtype=torch.float64)
        cosines_TS = torch.nn.functional.normalize(jacobian_TP)
        cosines_TS = cosines_TS @ cosines_TS.mT
        if count == 1 or ((cosines_TS.amin(1) < -0.1).all() and spread(cosines_TS) > 0.05):
            return jacobian_TP * torch.linspace(0.5, 2, count, dtype=torch.float64)[:, None]


def spread(gramian_TS: Tensor) -> Tensor:
    """The smallest eigenvalue."""
    return torch.linalg.eigvalsh(gramian_TS)[0]


def awkward(number: int) -> Tensor:
    """Of 1 to 12 tasks: any scale, some of lower rank, nearly the same, opposite or equal."""
    generator = torch.Generator().manual_seed(number)
    count = 1 + number % 12
    size = int(torch.randint(1, 2 * count + 1, (), generator=generator))
    jacobian_TP = torch.randn(count, size, generator=generator, dtype=torch.float64)
    if number % 3 == 0:
        jacobian_TP *= 10.0 ** torch.linspace(-3, 3, count, dtype=torch.float64)[:, None]
    if number % 5 == 0:
        jacobian_TP = jacobian_TP[0] + 1e-5 * jacobian_TP
    if number % 7 == 0:
        jacobian_TP[::2] *= -1
    if number % 11 == 0 and count > 2:
        jacobian_TP[1], jacobian_TP[2] = -3 * jacobian_TP[0], jacobian_TP[0]
    return jacobian_TP


def gram(jacobian_TP: Tensor) -> Tensor:
    """J J^T."""
    return jacobian_TP @ jacobian_TP.mT


def unit(direction_P: Tensor) -> Tensor:
    """The vector of length 1 in its direction."""
    return torch.nn.functional.normalize(direction_P.double(), dim=0)
