"""Gradient Vaccine. Legend: T, S tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import GramianRule
from mtl_ase.balance.pcgrad import random_others
from mtl_ase.balance.shared_randomness import SharedRandomness
from mtl_ase.base.bounds import Seed, Share

SHORTEST = 1e-6
"""Least length of a changed gradient, in those of the original: shorter ones have no direction."""
MOST = 1 - 1e-6
"""Largest target; for 1 the rule would need infinite weights."""


class GradVac(GramianRule):
    """PCGrad with targets: g'_t gets so much of g_s that their cosine is at least p_ts.

    d = sum_t g'_t. Where cos = cos(g'_t, g_s) < p_ts, g'_t += a g_s with a = |g'_t|
    (p_ts sin - cos sqrt(1 - p_ts^2)) / (|g_s| sqrt(1 - p_ts^2)); then p_ts is moved to cos by the
    share beta, from 0 at the start. beta = 0 is PCGrad.

    Source: Gradient Vaccine, arXiv 2010.05874, algorithm 1, over all shared parameters at once. The
    paper has no official code. LibMTL has beta = 0.5, and moves only the targets that are missed.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        beta: share by which targets move in a step.
        seed: of the run.
        weigh_private: multiply the gradients of what only one task uses by its weight, too.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        beta: Share = 0.01,
        seed: Seed = 0,
        weigh_private: bool = False,
    ) -> None:
        super().__init__(weights, weigh_private)
        self.beta = beta
        self.randomness = SharedRandomness(seed)
        self.targets_TS: Tensor
        self.register_buffer("targets_TS", torch.zeros(len(weights), len(weights)))

    def weigh(self, gramian_TS: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Tensor:
        """Weights_T of at least 1; targets of absent tasks stay as they are."""
        tasks_T, rows_T = torch.arange(len(rows)), torch.tensor(rows)
        lengths_T = gramian_TS.diagonal().sqrt()
        targets_TS = self.targets_TS.cpu().double()[rows_T][:, rows_T]
        parts_TS = torch.eye(len(rows), dtype=gramian_TS.dtype)  # row t: g'_t in the gradients
        for others_T in random_others(len(rows), self.randomness.generator()):
            squares_T = ((parts_TS @ gramian_TS) * parts_TS).sum(1)
            ratio_T = squares_T.clamp(min=0).sqrt().maximum(SHORTEST * lengths_T)
            ratio_T = ratio_T / lengths_T[others_T]
            products_T = (parts_TS * gramian_TS[others_T]).sum(1)
            cos_T = (products_T / (ratio_T * gramian_TS[others_T, others_T])).clamp(-1, 1)
            before_T = targets_TS[tasks_T, others_T]
            target_T = before_T.clamp(max=MOST)
            added_T = ratio_T * (target_T * sine(cos_T) / sine(target_T) - cos_T)
            parts_TS[tasks_T, others_T] += torch.where(cos_T < target_T, added_T, 0)
            targets_TS[tasks_T, others_T] = before_T + self.beta * (cos_T - before_T)
        self.targets_TS[rows_T[:, None], rows_T] = targets_TS.to(self.targets_TS)
        return parts_TS.sum(0)


def sine(cos_T: Tensor) -> Tensor:
    """Of angles from 0 to 180 degrees, given by their cosines."""
    return (1 - cos_T**2).sqrt()
