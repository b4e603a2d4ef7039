"""Nash-MTL block by block that also guides the routers.

Legend: T, S tasks, P shared parameters in one row, N blocks, E experts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import Combined
from mtl_ase.balance.nash_blocks import NashBlocks, weigh_blocks
from mtl_ase.base.bounds import AboveZero, Share, Weight
from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model import Routing


class GuidedBlocks(NashBlocks):
    """`NashBlocks`, and every task's router is drawn to the experts where its bargain is good.

    Ours. In block b a bargain has <g_t, d_b> = c_b / a_t, so the larger a task's weight times its
    gradient's length, the smaller the cosine of its gradient with what the tasks agreed on: it pays
    there. A running mean of that cosine, c_te, is the target of the routers over the experts that
    compete: guide * sum_layers mean_t KL(softmax_e(c_te / temperature) || p_te), p the mean router
    probability in the batch. An expert where a task had no gradient yet has the mean of the others.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        guide: factor on the loss of the routers.
        temperature: of the target; the smaller, the more does the best expert stand out.
        memory: share of the running mean that stays in a step.
        weigh_private: multiply the gradients of what only one task uses by its mean weight, too.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        guide: Weight = 0.05,
        temperature: AboveZero = 0.05,
        memory: Share = 0.9,
        weigh_private: bool = False,
    ) -> None:
        super().__init__(weights, weigh_private)
        self.factor, self.temperature, self.memory = guide, temperature, memory
        self.cosine_NT: Tensor
        self.register_buffer("cosine_NT", torch.zeros(0))
        self.experts: Mapping[tuple[int, str], Tensor] = {}

    def allocate(self, block_P: Tensor) -> None:
        """Note the blocks; nothing is known of any."""
        super().allocate(block_P)
        self.cosine_NT = torch.full((len(self.size_N), len(self.weights)), torch.nan)

    def see_experts(self, blocks: Mapping[tuple[int, str], Tensor]) -> None:
        """Note which blocks are experts."""
        self.experts = dict(blocks)

    def combine(self, jacobian_TP: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Combined:
        """As `NashBlocks`, and remember the cosines."""
        gramian_NTS = self.gramians(jacobian_TP)
        weights_NT = weigh_blocks(gramian_NTS)
        product_NT = (gramian_NTS @ weights_NT[..., None]).squeeze(-1)
        square_NT = gramian_NTS.diagonal(dim1=1, dim2=2)
        length_N1 = (product_NT * weights_NT).sum(1, keepdim=True).clamp(min=0).sqrt()
        new_NT = (product_NT / (square_NT.sqrt() * length_N1)).to(self.cosine_NT)
        old_NT = self.cosine_NT[:, list(rows)]
        mean_NT = self.memory * old_NT + (1 - self.memory) * new_NT
        kept_NT = torch.where(new_NT.isnan(), old_NT, torch.where(old_NT.isnan(), new_NT, mean_NT))
        self.cosine_NT[:, list(rows)] = kept_NT
        return super().combine(jacobian_TP, losses_T, rows)

    def guide(self, routing: Sequence[Routing]) -> Tensor | None:
        """The loss of the routers; None before the first step."""
        losses = []
        for routed in routing:
            blocks = self.experts.get((routed.layer, routed.site))
            if blocks is None:
                continue
            prob_TE = at_least_float32(routed.prob_TE())
            known_TE = self.cosine_NT[blocks[: prob_TE.shape[1]].to(self.cosine_NT.device)].mT
            mean_T1 = known_TE.nanmean(1, keepdim=True)
            cosine_TE = known_TE.where(~known_TE.isnan(), mean_T1).nan_to_num(0)
            target_TE = (cosine_TE / self.temperature).softmax(1).to(prob_TE)
            log_TE = prob_TE.clamp(min=torch.finfo(prob_TE.dtype).tiny).log()
            losses.append((target_TE * (target_TE.log() - log_TE)).sum(1).mean())
        return self.factor * torch.stack(losses).sum() if losses else None
