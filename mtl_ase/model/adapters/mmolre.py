"""Low-rank experts of all tasks and one of each task, weighted by a router of each task.

Legend: T tasks, B images, L tokens, D width in, E experts (the task's own, then the shared ones),
R ranks of all experts, S rows of A (R times the taps of the kernel), H W grid of the patch tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import fold

from mtl_ase.base.bounds import Positive, Weight
from mtl_ase.base.errors import UserError
from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapters.private_low_rank import PrivateLowRank
from mtl_ase.model.adapters.site import Site
from mtl_ase.model.routing import Routing


class MMoLRE(PrivateLowRank):
    """N shared low-rank experts and one of each task: y_t = sum_n g_n B_n A_n x + g_0 B_t A_t x.

    g(x, t) = softmax(R_t x) over the N + 1 experts. With a kernel, A_n and A_t are convolutions on
    the grid of the patch tokens; a prefix token has no neighbours and meets the middle tap only.

    Source: MMoLRE, arXiv 2505.14143, of which only a summary was read. Known are the experts and
    routers, and that A is a convolution of width 3 along a sequence; on images ours is 3 x 3, off
    by default as it costs 9 times the parameters of A. Ours are the counts, one rank for all
    experts, the scale, and a router without bias and noise.

    Args:
        site: where this adapter stands.
        num_shared: N, experts of all tasks.
        rank: of one expert.
        alpha_per_rank: the update is scaled by it.
        spatial_kernel: rows and columns of the convolution; 1: none.
        sites: where a block gets one.

    Raises:
        UserError: the kernel has no middle.
    """

    def __init__(
        self,
        site: Site,
        num_shared: Positive,
        rank: Positive,
        alpha_per_rank: Weight = 2.0,
        spatial_kernel: Positive = 1,
        sites: Sequence[str] = ("ffn",),
    ) -> None:
        if spatial_kernel % 2 == 0:
            raise UserError(
                f"model.adapter.spatial_kernel={spatial_kernel} has no middle; choose 1 or 3."
            )
        super().__init__(site, rank, num_shared * rank, alpha_per_rank, spatial_kernel**2)
        for down in (self.down_RD, self.private_down_TKD):
            down.data /= spatial_kernel  # as many more inputs: the fan-in of a convolution
        self.kernel, self.mixes_tokens = spatial_kernel, spatial_kernel > 1
        self.router_TED = nn.Parameter(torch.empty(site.num_tasks, 1 + num_shared, site.width_in))
        nn.init.trunc_normal_(self.router_TED, std=0.02)

    def gates(self, x_TBLD: Tensor) -> tuple[Tensor, Routing]:
        """Weights of the experts, of which all compete."""
        logits_TBLE = at_least_float32(torch.einsum("tbld,ted->tble", x_TBLD, self.router_TED))
        gate_TBLE = logits_TBLE.softmax(-1)
        return gate_TBLE, self.routing(logits_TBLE, gate_TBLE)

    def mix(self, z_TBLS: Tensor, gate_TBLE: Tensor | None) -> Tensor:
        """The convolution's sum over its taps, if there is one, then the experts' weights."""
        return super().mix(self._sum_taps(z_TBLS) if self.kernel > 1 else z_TBLS, gate_TBLE)

    def routers(self) -> Sequence[nn.Parameter]:
        """The routers of the tasks."""
        return [self.router_TED]

    def private(self) -> list[nn.Parameter]:
        """The task's own expert and the routers."""
        return [*super().private(), self.router_TED]

    def _sum_taps(self, z_TBLS: Tensor) -> Tensor:
        """Every tap's product of a token is added at the neighbour for which it is meant."""
        prefix_TBLS, patches_TBLS = z_TBLS.tensor_split([self.site.num_prefix], 2)
        prefix_TBLR = prefix_TBLS[..., self.kernel**2 // 2 :: self.kernel**2]
        columns_BSL = patches_TBLS.flatten(0, 1).mT
        grid_BRHW = fold(columns_BSL, self.site.grid_hw, self.kernel, padding=self.kernel // 2)
        patches_TBLR = grid_BRHW.flatten(2).mT.unflatten(0, z_TBLS.shape[:2])
        return torch.cat([prefix_TBLR, patches_TBLR], 2)
