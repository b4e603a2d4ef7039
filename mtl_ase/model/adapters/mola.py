"""MoLA: more experts in deeper layers. Legend: E experts."""

from __future__ import annotations

from collections.abc import Sequence

from mtl_ase.base.bounds import Positive, Share, Weight
from mtl_ase.base.errors import UserError
from mtl_ase.model.adapters.site import LINEARS, Site, Sites
from mtl_ase.model.adapters.token_routed import TokenRouted


class MoLA(TokenRouted):
    """y = (alpha / r) sum_e g_e(x) B_e A_e x, g = softmax over the k largest; E grows with depth.

    Source: MoLA, arXiv 2402.08562, the setting 2468 of its released code: 2, 4, 6 and 8 experts in
    the quarters of the depth, 2 of them per token. The code drops inputs anew for every expert;
    we drop once for all.

    Args:
        num_experts: E of each of equally long stretches of the depth, from the first block on.
        top_k: k, experts of a token.
        rank: r, rank of one expert.

    Raises:
        UserError: num_experts is empty, or a layer has fewer experts than top_k.
    """

    def __init__(
        self,
        site: Site,
        num_experts: Sequence[Positive] = (2, 4, 6, 8),
        top_k: Positive = 2,
        rank: Positive = 8,
        alpha: Weight = 16.0,
        dropout: Share = 0.05,
        sites: Sites = LINEARS,
    ) -> None:
        if not num_experts:
            raise UserError(
                "model.adapter.num_experts=[] names no number; give one for every stretch of the "
                "depth, e.g. [2, 4, 6, 8]."
            )
        count = num_experts[site.layer * len(num_experts) // site.num_layers]
        super().__init__(site, count, count * rank, alpha / rank, top_k, dropout=dropout)
