"""HydraLoRA: one A, several B.

Legend: T tasks, B images, L tokens, E experts, R rank, P = E * R.
"""

from __future__ import annotations

from torch import Tensor

from mtl_ase.base.bounds import Positive, Share, Weight
from mtl_ase.model.adapters.site import Site, Sites
from mtl_ase.model.adapters.token_routed import TokenRouted


class HydraLoRA(TokenRouted):
    """y = (alpha / r) sum_e g_e(x) B_e A x, g = softmax(W_r x): the experts share A.

    Source: HydraLoRA, arXiv 2404.19245. Values, sites and initialisation (A and W_r Kaiming, B
    zero) are those of its released training script. No balance loss.

    Args:
        num_experts: E, number of B's.
        rank: r, rank of A and of every B.
    """

    shares_down = True

    def __init__(
        self,
        site: Site,
        num_experts: Positive = 4,
        rank: Positive = 4,
        alpha: Weight = 32.0,
        dropout: Share = 0.05,
        sites: Sites = ("fc1", "fc2"),
    ) -> None:
        rank_out = num_experts * rank
        super().__init__(site, num_experts, rank, alpha / rank, None, rank_out, dropout)

    def mix(self, z_TBLR: Tensor, gate_TBLE: Tensor) -> Tensor:
        """A x once for every expert, times its weight, (T, B, L, P)."""
        return (gate_TBLE.to(z_TBLR.dtype).unsqueeze(-1) * z_TBLR.unsqueeze(-2)).flatten(-2)
