"""PCGrad. Legend: T, S tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import GramianRule
from mtl_ase.balance.shared_randomness import SharedRandomness
from mtl_ase.base.bounds import Seed


class PCGrad(GramianRule):
    """Every g_t loses its part along each g_s, s != t in random order, that it conflicts with.

    d = sum_t g'_t, where g'_t -= <g'_t, g_s> / |g_s|^2 g_s where the product is negative; each g'_t
    is a weighted sum of gradients, so the Gramian suffices.

    Source: gradient surgery, arXiv 2001.06782, algorithm 1: an order of its own for every task. The
    official code shuffles the tasks once a step, for all of them.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        seed: of the run.
        weigh_private: multiply the gradients of what only one task uses by its weight, too.
    """

    def __init__(
        self, weights: Mapping[str, float], seed: Seed = 0, weigh_private: bool = False
    ) -> None:
        super().__init__(weights, weigh_private)
        self.randomness = SharedRandomness(seed)

    def weigh(self, gramian_TS: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Tensor:
        """Weights_T of at least 1."""
        tasks_T = torch.arange(len(rows))
        parts_TS = torch.eye(len(rows), dtype=gramian_TS.dtype)  # row t: g'_t in the gradients
        for others_T in random_others(len(rows), self.randomness.generator()):
            products_T = (parts_TS * gramian_TS[others_T]).sum(1)
            lengths_T = gramian_TS[others_T, others_T]
            parts_TS[tasks_T, others_T] -= products_T.clamp(max=0) / lengths_T
        return parts_TS.sum(0)


def random_others(count: int, generator: torch.Generator) -> Sequence[Tensor]:
    """The others of each task in random order: first one other for every task, then the next."""
    keys_TS = torch.rand(count, count, generator=generator, dtype=torch.float64)
    return keys_TS.fill_diagonal_(2).argsort(1)[:, :-1].unbind(1)
