"""SMoRA: every rank is an expert. Legend: T tasks, B images, L tokens, E experts (rank blocks)."""

from __future__ import annotations

import torch
from torch import Tensor, distributed

from mtl_ase.base.bounds import Positive, Share, Weight
from mtl_ase.base.errors import UserError
from mtl_ase.model.adapters.gates import top_k_mask
from mtl_ase.model.adapters.site import LINEARS, Site, Sites
from mtl_ase.model.adapters.token_routed import TokenRouted
from mtl_ase.model.routing import Routing


class SMoRA(TokenRouted):
    """y = (alpha / k) B (g(x) * A x), with a gate for every rank and k non-zero gates a token.

    s = sigmoid(W_r x) + b, g = k s / sum of s over the k largest, 0 elsewhere. The bias b has no
    gradient: after a step b += rate * sign(mean count - count of the tokens that chose it).

    Source: SMoRA, arXiv 2501.15103, and its released code, which we follow where s is weight as
    well as choice. It updates b in every forward pass; we do after the optimiser's step, over all
    processes, so that recomputed activations see the same b. b is float32 for a small rate; in the
    16-bit "*-true" precisions, steps below its rounding are lost. Alpha and the sizes are the
    paper's; sites are all linear layers.

    Args:
        rank: R, all ranks.
        top_k: k, ranks of a token.
        rank_partition: neighbouring ranks that are chosen together, p; 1: each alone.
        alpha: the update is scaled by alpha / k.
        bias_rate: size of the steps of b.

    Raises:
        UserError: the blocks don't divide rank and top_k, or top_k is not from 1 to rank.
    """

    def __init__(
        self,
        site: Site,
        rank: Positive = 64,
        top_k: Positive = 8,
        rank_partition: Positive = 1,
        alpha: Weight = 16.0,
        bias_rate: Weight = 1e-5,
        dropout: Share = 0.0,
        sites: Sites = LINEARS,
    ) -> None:
        if rank % rank_partition or top_k % rank_partition:
            raise UserError(
                f"model.adapter.rank_partition={rank_partition} does not divide both "
                f"model.adapter.rank={rank} and model.adapter.top_k={top_k}; choose e.g. 1."
            )
        num_experts, chosen = rank // rank_partition, top_k // rank_partition
        super().__init__(site, num_experts, rank, alpha / top_k, chosen, dropout=dropout)
        self.bias_rate = bias_rate
        self.bias_E: Tensor
        self.register_buffer("bias_E", torch.zeros(num_experts))

    def weigh(self, logits_TBLE: Tensor) -> Tensor:
        """Weights_TBLE of all rank blocks; those of a token sum to the number of its blocks."""
        score_TBLE = logits_TBLE.sigmoid() + self.bias_E
        score_TBLE = score_TBLE * top_k_mask(score_TBLE, self.top_k)
        return self.top_k * score_TBLE / score_TBLE.sum(-1, keepdim=True)

    @torch.no_grad()
    def after_step(self, routing: Routing) -> None:
        """Raise the bias of blocks that fewer tokens than average chose, lower that of others."""
        count_E = (routing.gate_TBLE != 0).sum((0, 1, 2)).double()
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(count_E)
        self.bias_E += self.bias_rate * (count_E.mean() - count_E).sign().to(self.bias_E.dtype)
