"""GOAT: experts that start from singular vectors of the frozen weight.

Legend: T tasks, B images, L tokens, D width in, O width out, E experts, R rows of A.
"""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn.functional import linear

from mtl_ase.base.bounds import AboveZero, Positive, Share
from mtl_ase.base.errors import UserError
from mtl_ase.model.adapters.singular_segments import singular_segments
from mtl_ase.model.adapters.site import LINEARS, Site, Sites
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
        num_experts: E.
        top_k: k, experts of a token.
        rank: r, rank of one expert.
        rho: the initial experts are W's segments divided by this.
        eta: ratio of the learning rate to that of full training.

    Raises:
        UserError: the site has no weight, or a segment has fewer than r singular values.
    """

    exact_start = False

    def __init__(
        self,
        site: Site,
        num_experts: Positive = 8,
        top_k: Positive = 2,
        rank: Positive = 1,
        rho: AboveZero = 10.0,
        eta: AboveZero = 1.0,
        dropout: Share = 0.05,
        sites: Sites = LINEARS,
    ) -> None:
        if site.weight_OD is None:
            raise UserError(
                f"GOAT starts from a weight, but the site {site.name!r} has none; choose linear "
                f"layers, e.g. model.adapter.sites=[{', '.join(LINEARS)}]."
            )
        scale = math.sqrt(3 * eta * site.width_in / rank)
        super().__init__(site, num_experts, num_experts * rank, scale, top_k, dropout=dropout)
        start = singular_segments(site.weight_OD / (scale * rho), num_experts, rank)
        self.down_RD, self.up_OP = map(nn.Parameter, start)
        self.start_down_RD: Tensor
        self.start_up_OR: Tensor
        self.register_buffer("start_down_RD", start[0].clone())
        self.register_buffer("start_up_OR", start[1].clone())

    def forward(self, x_TBLD: Tensor) -> tuple[Tensor, Routing | None]:
        """The update (T, B, L, O) that is added at the site, and the router's decisions."""
        update_TBLO, routing = super().forward(x_TBLD)
        share = self.scale / len(self.router_ED)
        start_TBLR = linear(x_TBLD, self.start_down_RD)
        return update_TBLO - linear(start_TBLR, share * self.start_up_OR), routing
