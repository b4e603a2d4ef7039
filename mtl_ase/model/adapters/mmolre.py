"""Low-rank experts of all tasks and one of each task, weighted by a router of each task.

Legend: T tasks, B images, L tokens, D width in, E experts (the task's own, then the shared ones),
R ranks of all experts.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from mtl_ase.base.bounds import Positive, Weight
from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapters.patch_grid import sum_taps
from mtl_ase.model.adapters.private_low_rank import PrivateLowRank
from mtl_ase.model.adapters.site import Site, Sites
from mtl_ase.model.routing import Routing


class MMoLRE(PrivateLowRank):
    """N shared low-rank experts and one of each task: y_t = sum_n g_n B_n A_n x + g_0 B_t A_t x.

    g(x, t) = softmax(R_t x) over the N + 1 experts. With a kernel, A_n and A_t are convolutions on
    the grid of the patch tokens.

    Source: MMoLRE, arXiv 2505.14143, of which only a summary was read. Known are the experts and
    routers, and that A is a convolution of width 3 along a sequence; on images ours is 3 x 3, off
    by default as it costs 9 times the parameters of A. Ours are the counts, one rank for all
    experts, the scale, and a router without bias and noise.

    Args:
        num_shared: N, experts of all tasks.
        rank: of one expert.
        alpha_per_rank: the update is scaled by it.
        spatial_kernel: rows and columns of the convolution; 1: none.
    """

    def __init__(
        self,
        site: Site,
        num_shared: Positive,
        rank: Positive,
        alpha_per_rank: Weight = 2.0,
        spatial_kernel: Literal[1, 3, 5] = 1,
        sites: Sites = ("ffn",),
    ) -> None:
        super().__init__(site, rank, num_shared * rank, alpha_per_rank, spatial_kernel**2)
        for down in (self.down_RD, self.private_down_TKD):
            down.data /= spatial_kernel  # as many more inputs: the fan-in of a convolution
        self.kernel, self.mixes_tokens = spatial_kernel, spatial_kernel > 1
        self.num_experts = num_shared
        self.router_TED = nn.Parameter(torch.empty(site.num_tasks, 1 + num_shared, site.width_in))
        nn.init.trunc_normal_(self.router_TED, std=0.02)

    def gates(self, x_TBLD: Tensor) -> tuple[Tensor, Routing]:
        """Weights of the experts, of which all compete."""
        logits_TBLE = at_least_float32(torch.einsum("tbld,ted->tble", x_TBLD, self.router_TED))
        gate_TBLE = logits_TBLE.softmax(-1)
        return gate_TBLE, self.routing(logits_TBLE, gate_TBLE)

    def down(self, x_TBLD: Tensor) -> Tensor:
        """A_t and A_n of the tokens, (T, B, L, R)."""
        products = super().down(x_TBLD)
        return sum_taps(products, self.kernel, self.site) if self.mixes_tokens else products

    def routers(self) -> list[nn.Parameter]:
        """The routers of the tasks."""
        return [self.router_TED]

    def private(self) -> list[nn.Parameter]:
        """The task's own expert and the routers."""
        return [*super().private(), self.router_TED]
