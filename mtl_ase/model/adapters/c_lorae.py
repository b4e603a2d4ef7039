"""C-LoRAE: a universal expert and one for every task.

Legend: T tasks, B images, L tokens, D width in, O width out, R rank, S rank of a task's expert.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from mtl_ase.base.bounds import Share, Weight
from mtl_ase.model.adapters.adapter import LINEARS
from mtl_ase.model.adapters.site import Site
from mtl_ase.model.adapters.token_routed import TokenRouted
from mtl_ase.model.routing import Routing


class CLoRAE(TokenRouted):
    """y_t = (alpha / r) (g_1 B A x + g_2 B_t A_t x), g = softmax(W_r x) of every token.

    Source: C-LoRAE, arXiv 2505.06303: universal expert of rank r, experts of the T tasks of rank
    r / T, and a gate between the two. Where T doesn't divide r, we round down, to no less than 1.
    Open in what we could read, chosen by us: the gate is a softmax of one linear layer for all
    tasks; alpha = 2 r for both experts; LoRA's initial values; all linear layers.

    Args:
        site: where this adapter stands.
        rank: r.
        alpha: the update is scaled by alpha / r.
        dropout: on the input of the experts, in training.
        sites: where a block gets one.
    """

    knows_tasks = True

    def __init__(
        self,
        site: Site,
        rank: int = 16,
        alpha: Weight = 32.0,
        dropout: Share = 0.0,
        sites: Sequence[str] = LINEARS,
    ) -> None:
        super().__init__(site, 2, rank, alpha / max(rank, 1), dropout=dropout)
        task_rank = max(1, rank // site.num_tasks)
        down_TSD = torch.empty(site.num_tasks, task_rank, site.width_in)
        nn.init.uniform_(down_TSD, -1 / math.sqrt(site.width_in), 1 / math.sqrt(site.width_in))
        self.task_down_TSD = nn.Parameter(down_TSD)
        self.task_up_TOS = nn.Parameter(torch.zeros(site.num_tasks, site.width_out, task_rank))

    def forward(self, x_TBLD: Tensor) -> tuple[Tensor, Routing]:
        """The update (T, B, L, O) that is added at the site, and the router's decisions."""
        gate_TBLE, routing = self.gates(x_TBLD)
        universal_TBL1, own_TBL1 = gate_TBLE.split(1, -1)
        x_TBLD = self.dropout(x_TBLD)
        z_TBLR = self.mix(linear(x_TBLD, self.down_RD), universal_TBL1)
        z_TBLS = self.mix(torch.einsum("tbld,tsd->tbls", x_TBLD, self.task_down_TSD), own_TBL1)
        update_TBLO = linear(z_TBLR, self.scale * self.up_OP)
        return update_TBLO + self.scale * torch.einsum(
            "tbls,tos->tblo", z_TBLS, self.task_up_TOS
        ), routing

    def private(self) -> Sequence[nn.Parameter]:
        """The tasks' own experts."""
        return [self.task_down_TSD, self.task_up_TOS]
