"""The experts of SAME, for tasks that are learned at the same time. Legend: E experts."""

from __future__ import annotations

from mtl_ase.base.bounds import Positive, Share, Weight
from mtl_ase.model.adapters.site import Site, Sites
from mtl_ase.model.adapters.token_routed import TokenRouted


class SAME(TokenRouted):
    """y = (alpha / r) sum_e w_e(x) B_e A_e x, w = softmax(W_r x) of every token.

    Source: SAME, arXiv 2602.01990, its layer; its changes of the gradients are for tasks that come
    one after another. We follow the paper's sum over experts of rank r. The released code differs:
    it splits r over the experts, averages w over the whole batch, and multiplies mixtures,
    (sum_e w_e B_e) (sum_e w_e A_e) x, so its experts aren't separate. Open in the paper, chosen by
    us: the scale alpha = 2 r and dropout of the code, and LoRA's initial values.

    Args:
        num_experts: E.
        rank: r, rank of one expert.
    """

    def __init__(
        self,
        site: Site,
        num_experts: Positive = 8,
        rank: Positive = 8,
        alpha: Weight = 16.0,
        dropout: Share = 0.05,
        sites: Sites = ("fc1", "fc2"),
    ) -> None:
        super().__init__(site, num_experts, num_experts * rank, alpha / rank, dropout=dropout)
