"""Load balance between experts. Shapes: T tasks, B images, L tokens, E experts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl_ase.base.numerics import at_least_float32
from mtl_ase.losses.regulariser import Regulariser
from mtl_ase.model import Routing


class LoadBalance(Regulariser):
    """E sum_e f_e P_e, mean over the routers and tasks: 1 when all experts are used alike.

    f_e is the share of e among all selections (without gradient), P_e its mean probability.
    Source: Switch Transformer (arXiv 2101.03961, Eq. 4-6); MoLA, GOAT and FGMoE use it. Our
    deviation: f_e is divided by the number of selected experts, so that the value does not grow
    with k; experts that are always on do not compete and are left out.
    """

    def forward(self, routing: Sequence[Routing]) -> Tensor:
        """The loss of one forward pass; 1 at balance, up to E when one expert gets all tokens."""
        return torch.stack([_of(router) for router in routing]).mean()


def _of(router: Routing) -> Tensor:
    prob_TE = at_least_float32(router.prob_TE())
    load_TE = router.load_TE()[:, : prob_TE.shape[1]].to(prob_TE)
    share_TE = load_TE / load_TE.sum(dim=1, keepdim=True).clamp(min=torch.finfo(load_TE.dtype).tiny)
    return (prob_TE.shape[1] * share_TE * prob_TE).sum(dim=1).mean()
