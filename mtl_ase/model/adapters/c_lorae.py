"""C-LoRAE: a universal expert and one a task. T tasks, B images, L tokens, E = 2 experts."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from mtl_ase.base.bounds import Positive, Share, Weight
from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapters.private_low_rank import PrivateLowRank
from mtl_ase.model.adapters.site import LINEARS, Site, Sites
from mtl_ase.model.routing import Routing


class CLoRAE(PrivateLowRank):
    """y_t = (alpha / r) (g_1 B_t A_t x + g_2 B A x), g = softmax(W_r x) of every token.

    Source: C-LoRAE, arXiv 2505.06303: universal expert of rank r, experts of the T tasks of rank
    r / T, and a gate between the two. Where T doesn't divide r, we round down, to no less than 1.
    Open in what we could read, chosen by us: the gate is a softmax of one linear layer for all
    tasks; alpha = 2 r for both experts; LoRA's initial values; all linear layers.

    Args:
        rank: r.
    """

    def __init__(
        self,
        site: Site,
        rank: Positive = 16,
        alpha: Weight = 32.0,
        dropout: Share = 0.0,
        sites: Sites = LINEARS,
    ) -> None:
        private_rank = max(1, rank // site.num_tasks)
        super().__init__(site, private_rank, rank, alpha / rank, dropout=dropout)
        self.router_ED = nn.Parameter(torch.empty(2, site.width_in))
        nn.init.kaiming_uniform_(self.router_ED, a=math.sqrt(5))

    def gates(self, x_TBLD: Tensor) -> tuple[Tensor, Routing]:
        """Weights of the task's expert and of the universal one."""
        logits_TBLE = at_least_float32(linear(x_TBLD, self.router_ED))
        gate_TBLE = logits_TBLE.softmax(-1)
        return gate_TBLE, self.routing(logits_TBLE, gate_TBLE)

    def routers(self) -> list[nn.Parameter]:
        """The gate's matrix."""
        return [self.router_ED]
