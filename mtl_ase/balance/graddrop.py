"""GradDrop. Legend: T tasks, P shared parameters in one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import Combined, GradientRule
from mtl_ase.balance.shared_randomness import SharedRandomness
from mtl_ase.base.bounds import Seed, Share


class GradDrop(GradientRule):
    """d_p = sum_t g_tp, over the tasks whose g_tp has the sign that is drawn for the element p.

    Positive is drawn with probability 1/2 (1 + sum_t g_tp / sum_t |g_tp|), so elements on which
    all tasks agree stay as they are.

    Source: GradDrop, arXiv 2010.06808, on the gradients of the parameters as in LibMTL; the paper
    drops gradients of shared features. No (T, P) copy is kept.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        leak: share of the sum that is not dropped.
        seed: of the run.
        weigh_private: no effect: the tasks have no weights.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        leak: Share = 0.0,
        seed: Seed = 0,
        weigh_private: bool = False,
    ) -> None:
        super().__init__(weights, weigh_private)
        self.leak, self.randomness = leak, SharedRandomness(seed)

    def combine(self, jacobian_TP: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Combined:
        """The sum without what has the other sign."""
        sum_P, size_P = jacobian_TP.sum(0), jacobian_TP.abs().sum(0)
        positive_P = 0.5 + 0.5 * sum_P / size_P.clamp(min=torch.finfo(size_P.dtype).tiny)
        drawn_P = torch.rand(sum_P.shape, generator=self.randomness.generator()).to(sum_P.device)
        kept_TP = (jacobian_TP > 0) == (positive_P > drawn_P)
        direction_P = (jacobian_TP * kept_TP).sum(0)
        return Combined(torch.lerp(direction_P, sum_P, self.leak), torch.ones(len(rows)))
