"""GOAT: experts that start from singular vectors of the frozen weight.

Legend: T tasks, B images, L tokens, D width in, O width out, R rows of A, K singular values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import linear

from mtl_ase.base.bounds import Positive, Share, Weight
from mtl_ase.base.errors import UserError
from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapters.adapter import LINEARS
from mtl_ase.model.adapters.site import Site
from mtl_ase.model.adapters.token_routed import TokenRouted
from mtl_ase.model.routing import Routing


class GOAT(TokenRouted):
    """y = s sum_e g_e(x) B_e A_e x - (s / E) B^0 A^0 x, g = softmax over the k largest of W_r x.

    s = sqrt(3 eta D / r). The singular values of W are cut into E equal segments; expert e starts
    with the first r of its segment, A^0_e = sqrt(S) U^T and B^0_e = V sqrt(S), S divided by s rho.
    The second term is what the method subtracts from W, with s / E the value that makes it exact on
    average over equal gates; it is computed here, since W belongs to the encoder.

    At step 0 the network is therefore NOT equal to the pretrained one: top-k gates differ from
    1 / E, token by token. We keep this, as in the paper (`exact_start` is False).

    Source: GOAT, arXiv 2502.16894, and its released code; values of its ViT experiments. Its
    balance loss has weight 1e-3. A^0 and B^0 are saved with the weights.

    Args:
        site: where this adapter stands: a linear layer.
        num_experts: E.
        top_k: k, experts of a token.
        rank: r, rank of one expert.
        rho: the initial experts are W's segments divided by this.
        eta: ratio of the learning rate to that of full training.
        dropout: on the input of the experts, in training.
        sites: where a block gets one.

    Raises:
        UserError: the site has no weight, a segment has fewer than r singular values, or a number
            is not positive.
    """

    exact_start = False

    def __init__(
        self,
        site: Site,
        num_experts: Positive = 8,
        top_k: Positive = 2,
        rank: int = 1,
        rho: Weight = 10.0,
        eta: Weight = 1.0,
        dropout: Share = 0.05,
        sites: Sequence[str] = LINEARS,
    ) -> None:
        if not (rho > 0 and eta > 0):
            raise UserError(
                f"model.adapter.rho={rho} and model.adapter.eta={eta} must be positive; choose "
                "e.g. 10 and 1."
            )
        scale = math.sqrt(3 * eta * site.width_in / max(rank, 1))
        super().__init__(site, num_experts, num_experts * rank, scale, top_k, dropout=dropout)
        down_RD, up_OR = _segments(site, num_experts, rank, scale * rho)
        self.down_RD.data.copy_(down_RD)
        self.up_OP.data.copy_(up_OR)
        self.start_down_RD: Tensor
        self.start_up_OR: Tensor
        self.register_buffer("start_down_RD", self.down_RD.detach().clone())
        self.register_buffer("start_up_OR", self.up_OP.detach().clone())

    def forward(self, x_TBLD: Tensor) -> tuple[Tensor, Routing | None]:
        """The update (T, B, L, O) that is added at the site, and the router's decisions."""
        update_TBLO, routing = super().forward(x_TBLD)
        share = self.scale / len(self.router_ED)
        start_TBLR = linear(x_TBLD, self.start_down_RD)
        return update_TBLO - linear(start_TBLR, share * self.start_up_OR), routing


def _segments(site: Site, count: int, rank: int, divisor: float) -> tuple[Tensor, Tensor]:
    """A_RD and B_OR of the first singular triplets of each of `count` segments of the weight."""
    if site.weight_OD is None:
        raise UserError(
            f"GOAT starts from a weight, but the site {site.name!r} has none; choose linear "
            f"layers, e.g. model.adapter.sites=[{', '.join(LINEARS)}]."
        )
    u_OK, s_K, v_KD = torch.linalg.svd(at_least_float32(site.weight_OD.detach()), False)
    length = len(s_K) // count
    if length < rank:
        raise UserError(
            f"model.adapter.rank={rank}: {count} segments of the {len(s_K)} singular values at "
            f"{site.name!r} have only {length} each; choose a lower rank or fewer experts."
        )
    chosen_K = torch.arange(len(s_K), device=s_K.device) % length < rank
    chosen_K[count * length :] = False
    root_R = (s_K[chosen_K] / divisor).sqrt()
    return root_R[:, None] * v_KD[chosen_K], u_OK[:, chosen_K] * root_R
