"""Low-rank experts behind one linear router of the tokens.

Legend: T tasks, B images, L tokens, D width in, E experts.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from mtl_ase.base.errors import UserError
from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapters.gates import top_k_mask
from mtl_ase.model.adapters.low_rank import LowRankAdapter
from mtl_ase.model.adapters.site import Site
from mtl_ase.model.routing import Routing


class TokenRouted(LowRankAdapter):
    """y = scale * sum_e g_e(x) B_e A_e x, g = softmax over the k largest of the logits W_r x.

    The common form of methods whose router is one linear layer, the same for all tasks: it sees a
    task only in the tokens. The softmax over the k largest equals the softmax over all, cut to the
    k largest and divided by its sum. W_r: Kaiming-uniform, no bias, as in the released codes.

    Args:
        num_experts: E.
        rank: rows of A, all experts together.
        scale: factor on the update.
        top_k: experts of a token; None: all.
        rank_out: columns of B; None: rank.

    Raises:
        UserError: top_k is not from 1 to num_experts.
    """

    knows_tasks = False

    def __init__(
        self,
        site: Site,
        num_experts: int,
        rank: int,
        scale: float,
        top_k: int | None = None,
        rank_out: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(site, rank, scale, rank_out, dropout)
        self.num_experts = num_experts
        self.top_k = num_experts if top_k is None else top_k
        if not 1 <= self.top_k <= num_experts:
            raise UserError(
                f"model.adapter.top_k={top_k} does not fit the {num_experts} experts of "
                f"{type(self).__name__} in layer {site.layer}; choose 1 to {num_experts}."
            )
        self.router_ED = nn.Parameter(torch.empty(num_experts, site.width_in))
        nn.init.kaiming_uniform_(self.router_ED, a=math.sqrt(5))

    def gates(self, x_TBLD: Tensor) -> tuple[Tensor, Routing]:
        """Weights of all experts, and the router's decisions."""
        logits_TBLE = at_least_float32(linear(x_TBLD, self.router_ED))
        gate_TBLE = self.weigh(logits_TBLE)
        return gate_TBLE, self.routing(logits_TBLE, gate_TBLE)

    def weigh(self, logits_TBLE: Tensor) -> Tensor:
        """Weights_TBLE of all experts; 0 for those not selected, the others sum to 1."""
        chosen_TBLE = top_k_mask(logits_TBLE, self.top_k)
        return logits_TBLE.masked_fill(~chosen_TBLE, float("-inf")).softmax(-1)

    def routers(self) -> list[nn.Parameter]:
        """The router's matrix."""
        return [self.router_ED]
