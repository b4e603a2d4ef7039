"""The shared form of the adapters: a low-rank product with gates in its rank space.

Legend: T tasks, B images, L tokens, D width in, O width out, E experts, R rows of A (ranks of all
experts), P columns of B (= R unless `down` or `mix` changes it).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from mtl_ase.model.adapters.adapter import Adapter
from mtl_ase.model.adapters.site import Site
from mtl_ase.model.routing import Routing


class LowRankAdapter(Adapter):
    """y = scale * B mix(A x, g(x)), in the steps `gates`, `down`, `mix`, `up`.

    Most methods are this but for a step or two. The experts' A_e are stacked to `down_RD`, their
    B_e to `up_OP`, and all are computed at once; an expert's weight multiplies its ranks. Initial
    values: A Kaiming-uniform, B zero (LoRA, arXiv 2106.09685).

    Args:
        rank: R, rows of A.
        scale: factor on the update.
        rank_out: P, columns of B; None: R.

    Attributes:
        num_experts: E, experts with an equal part of the columns of B, in their order.
        shares_down: whether all of them have A in common, and not an equal part of its rows.
    """

    num_experts = 1
    shares_down = False

    def __init__(
        self,
        site: Site,
        rank: int,
        scale: float,
        rank_out: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(site)
        self.scale = scale
        self.dropout = nn.Dropout(dropout)
        self.down_RD = nn.Parameter(torch.empty(rank, site.width_in))
        self.up_OP = nn.Parameter(torch.zeros(site.width_out, rank_out or rank))
        nn.init.kaiming_uniform_(self.down_RD, a=math.sqrt(5))

    def parameter_blocks(self) -> dict[nn.Parameter, Tensor]:
        """Every expert's rows of A and columns of B; what is no single expert's is one more."""
        rest = self.num_experts if self.num_experts > 1 else 0
        blocks = dict.fromkeys(self.parameters(), torch.tensor(rest))
        blocks[self.up_OP] = _equal_parts(self.up_OP.shape[1], self.num_experts)
        if not self.shares_down:
            blocks[self.down_RD] = _equal_parts(len(self.down_RD), self.num_experts)[:, None]
        return blocks

    def forward(self, x_TBLD: Tensor) -> tuple[Tensor, Routing | None]:
        """The update (T, B, L, O) that is added at the site, and the router's decisions."""
        gate_TBLE, routing = self.gates(x_TBLD)
        z_TBLR = self.down(self.dropout(x_TBLD))
        if gate_TBLE is not None:
            z_TBLR = self.mix(z_TBLR, gate_TBLE)
        return self.up(z_TBLR), routing

    def gates(self, x_TBLD: Tensor) -> tuple[Tensor | None, Routing | None]:
        """Weights of the experts, and the router's decisions; by default there are none."""
        return None, None

    def down(self, x_TBLD: Tensor) -> Tensor:
        """A x, (T, B, L, R)."""
        return product(self.down_RD, x_TBLD)

    def mix(self, z_TBLR: Tensor, gate_TBLE: Tensor) -> Tensor:
        """The experts' ranks by their weights, (T, B, L, P); by default experts of equal rank."""
        ranks = z_TBLR.unflatten(-1, (gate_TBLE.shape[-1], -1))
        return (ranks * gate_TBLE.to(z_TBLR.dtype)[..., None]).flatten(-2)

    def up(self, z_TBLP: Tensor) -> Tensor:
        """B z, scaled, (T, B, L, O)."""
        return product(self.scale * self.up_OP, z_TBLP)


def product(weight: Tensor, x_TBLD: Tensor) -> Tensor:
    """W x, (T, B, L, O), with one W_OD for all tasks or one of each task, W_TOD."""
    if weight.ndim == 2:
        return linear(x_TBLD, weight)
    return (x_TBLD.flatten(1, 2) @ weight.mT).unflatten(1, x_TBLD.shape[1:3])


def _equal_parts(size: int, count: int) -> Tensor:
    """0 .. count - 1, each as often."""
    return torch.arange(count).repeat_interleave(size // count)
