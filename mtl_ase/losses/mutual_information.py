"""Router regulariser. Shapes: N layers, T tasks, E experts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mtl_ase.base.numerics import at_least_float32


class MutualInformation(nn.Module):
    """Minus the mutual information between tasks and experts, summed over the layers.

    L = - sum_layers sum_{t,e} P(t,e) log(P(t,e) / (P(t) P(e))), with P(t,e) = probability / T: all
    tasks are equally likely. Minimising it makes tasks choose experts of their own; a layer's share
    lies in [-log min(T, E), 0]. Source: Mod-Squad (arXiv 2212.08066), as the paper adopts it. Our
    deviation: none of that code's + 1e-4 constants; the logarithms are clamped at the smallest
    normal number instead, so that the value is exact (0 log 0 = 0) and the gradient finite.
    """

    def forward(self, probability_NTE: Tensor) -> Tensor:
        """The loss of one forward pass; row t of layer n is task t's mean router probability."""
        joint_NTE = at_least_float32(probability_NTE) / probability_NTE.shape[1]
        of_task_NT1 = joint_NTE.sum(dim=2, keepdim=True)
        of_expert_N1E = joint_NTE.sum(dim=1, keepdim=True)
        ratio_NTE = _log(joint_NTE) - _log(of_task_NT1) - _log(of_expert_N1E)
        return -(joint_NTE * ratio_NTE).sum()


def _log(probability: Tensor) -> Tensor:
    return probability.clamp(min=torch.finfo(probability.dtype).tiny).log()
