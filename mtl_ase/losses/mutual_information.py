"""Mutual information between tasks and experts. Shapes: N routers, T tasks, E experts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from mtl_ase.base.numerics import at_least_float32
from mtl_ase.losses.regulariser import Regulariser
from mtl_ase.model import Routing


class MutualInformation(Regulariser):
    """Minus the mutual information between tasks and experts, summed over the routers.

    L = - sum_routers sum_{t,e} P(t,e) log(P(t,e) / (P(t) P(e))), with P(t,e) = probability / T: all
    tasks are equally likely. Minimising it makes tasks choose experts of their own; a router's
    share lies in [-log min(T, E), 0]. Source: Mod-Squad (arXiv 2212.08066), as the paper adopts it.
    Our deviation: none of that code's + 1e-4 constants; the logarithms are clamped at the smallest
    normal number instead, so that the value is exact (0 log 0 = 0) and the gradient finite.
    """

    def forward(self, routing: Sequence[Routing]) -> Tensor:
        """The loss of one forward pass; routers may have different numbers of experts."""
        by_size: dict[int, list[Tensor]] = defaultdict(list)
        for router in routing:
            prob_TE = router.prob_TE()
            by_size[prob_TE.shape[1]].append(prob_TE)
        return torch.stack([self.of(torch.stack(same)) for same in by_size.values()]).sum()

    def of(self, probability_NTE: Tensor) -> Tensor:
        """The loss of equal routers; row t of router n is task t's mean router probability."""
        joint_NTE = at_least_float32(probability_NTE) / probability_NTE.shape[1]
        of_task_NT1 = joint_NTE.sum(dim=2, keepdim=True)
        of_expert_N1E = joint_NTE.sum(dim=1, keepdim=True)
        ratio_NTE = _log(joint_NTE) - _log(of_task_NT1) - _log(of_expert_N1E)
        return -(joint_NTE * ratio_NTE).sum()


@torch.no_grad()
def task_information(probability_TE: Tensor) -> float:
    """Mutual information between tasks and experts over its maximum, log min(T, E); 0 if that is 0.

    1: no two tasks have an expert in common; 0: experts tell nothing about the task.
    """
    most = math.log(min(probability_TE.shape))
    if most == 0:
        return 0.0
    return -float(MutualInformation(weight=1.0).of(probability_TE[None])) / most


def _log(probability: Tensor) -> Tensor:
    return probability.clamp(min=torch.finfo(probability.dtype).tiny).log()
