"""Nash-MTL block by block. Legend: T, S tasks, P shared parameters in one row, N blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import Combined, GradientRule, ridged
from mtl_ase.balance.nash_mtl import bargain
from mtl_ase.base.numerics import at_least_float32


class NashBlocks(GradientRule):
    """d_b = c_b J_b^T a_b, G_b a_b = 1 / a_b in every block b: the tasks bargain expert by expert.

    Ours; Nash-MTL (`NashMTL`) solves this once for all shared parameters, so that there a task may
    pay with what it loses in one expert for what it gains in another. The blocks are those of the
    adapters (`Adapter.parameter_blocks`); shared parameters outside of adapters are one more.

    The solution of a bargain has the length sqrt(T_b) in every block, whatever its gradients, where
    T_b is the number of tasks with a gradient in it; the others are left out. So that the blocks
    keep their proportions, c_b = |sum_t g_t| / sqrt(T_b): d_b is as long as the block's part of the
    plain sum. It is shorter only where the ridge of `ridged` acts, as no direction helps all.

    It keeps no (T, P) copy, but two integers of 32 bits for every shared parameter. A task's weight
    that is logged is the mean of c_b a_b over the blocks, weighted by |g_t|^2 in each.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        weigh_private: multiply the gradients of what only one task uses by its mean weight, too.
    """

    def __init__(self, weights: Mapping[str, float], weigh_private: bool = False) -> None:
        super().__init__(weights, weigh_private)
        self.block_P: Tensor
        self.order_P: Tensor
        self.size_N: Tensor
        for name in ("block_P", "order_P", "size_N"):  # follow from the network: in no checkpoint
            self.register_buffer(name, torch.zeros(0, dtype=torch.int32), persistent=False)

    def allocate(self, block_P: Tensor) -> None:
        """Note the blocks, and an order in which each is in one piece."""
        self.block_P = block_P.int()
        self.order_P = block_P.argsort(stable=True).int()
        self.size_N = block_P.bincount()

    def combine(self, jacobian_TP: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Combined:
        """The sum of the gradients, in every block times its weights."""
        gramian_NTS = self.gramians(jacobian_TP)
        weights_NT = weigh_blocks(gramian_NTS)
        direction_P = at_least_float32(torch.zeros_like(jacobian_TP[0]))
        for weight_N, row_P in zip(weights_NT.to(direction_P).unbind(1), jacobian_TP, strict=True):
            direction_P += weight_N.index_select(0, self.block_P) * row_P
        square_NT = gramian_NTS.diagonal(dim1=1, dim2=2)
        mean_T = (weights_NT * square_NT).sum(0) / square_NT.sum(0)
        return Combined(direction_P.to(jacobian_TP), mean_T)

    def gramians(self, jacobian_TP: Tensor) -> Tensor:
        """J_b J_b^T of every block, (N, T, T), on the CPU in 64 bits.

        By sums of sorted segments, since scattered ones add in any order on GPUs.
        """
        count = len(jacobian_TP)
        gramian_NTS = torch.zeros(len(self.size_N), count, count, dtype=torch.float64)
        for t in range(count):
            row_P = jacobian_TP[t].double()
            for s in range(t + 1):
                product_P = (row_P * jacobian_TP[s]).index_select(0, self.order_P)
                sum_N = torch.segment_reduce(product_P, "sum", lengths=self.size_N)
                gramian_NTS[:, t, s] = gramian_NTS[:, s, t] = sum_N.cpu()
        return gramian_NTS


def weigh_blocks(gramian_NTS: Tensor) -> Tensor:
    """The weights_NT c_b a_b; 0 for a task without a gradient in a block."""
    square_NT = gramian_NTS.diagonal(dim1=1, dim2=2)
    present_NT = square_NT > 0
    length_NT = square_NT.where(present_NT, 1).sqrt()
    cosines_NTS = gramian_NTS / (length_NT[:, :, None] * length_NT[:, None, :])
    # A task that is left out bargains alone: its product with itself is 1, with all others 0.
    a_NT = bargain(ridged(cosines_NTS + (~present_NT).double().diag_embed())) / length_NT
    plain_N = gramian_NTS.sum((1, 2)).clamp(min=0).sqrt()
    scale_N = plain_N / present_NT.sum(1).clamp(min=1).sqrt()
    return scale_N[:, None] * a_NT.where(present_NT, 0)
