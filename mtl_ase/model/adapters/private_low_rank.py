"""Low-rank products that are partly a task's own and partly shared by all tasks.

Legend: T tasks, B images, L tokens, D width in, O width out, E experts, K rows of A_t, J columns of
B_t, R rows of A, P columns of B.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mtl_ase.model.adapters.low_rank import LowRankAdapter
from mtl_ase.model.adapters.site import Site


class PrivateLowRank(LowRankAdapter):
    """y_t = scale * [B_t, B] mix([A_t; A] x, g_t(x)), where A_t, B_t serve the task t only.

    Equal to a low-rank product over the blocks of all tasks whose mask is 0 for the other tasks',
    without computing these.

    Args:
        private_rank: J, columns of B_t; 0: a plain low-rank product, the same for all tasks.
        shared_rank: P, columns of B.
        scale: factor on the update.
        rows_per_rank: rows of A and A_t for a column of B and B_t; `down` joins them if not 1.
    """

    def __init__(
        self,
        site: Site,
        private_rank: int,
        shared_rank: int,
        scale: float,
        rows_per_rank: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(site, shared_rank * rows_per_rank, scale, shared_rank, dropout)
        self.private_rank, self.knows_tasks = private_rank, private_rank > 0
        if self.knows_tasks:
            bound, rows = site.width_in**-0.5, private_rank * rows_per_rank
            down_TKD = torch.empty(site.num_tasks, rows, site.width_in).uniform_(-bound, bound)
            up_TOJ = torch.zeros(site.num_tasks, site.width_out, private_rank)
            self.private_down_TKD, self.private_up_TOJ = map(nn.Parameter, (down_TKD, up_TOJ))

    def down(self, x_TBLD: Tensor) -> Tensor:
        """[A_t; A] x."""
        z_TBLR = super().down(x_TBLD)
        if not self.knows_tasks:
            return z_TBLR
        own_TBLK = torch.einsum("tbld,tkd->tblk", x_TBLD, self.private_down_TKD)
        return torch.cat([own_TBLK, z_TBLR], -1)

    def mix(self, z_TBLR: Tensor, gate_TBLE: Tensor) -> Tensor:
        """The ranks by their weights: the task's own expert, then shared experts of equal rank."""
        if not self.knows_tasks:
            return super().mix(z_TBLR, gate_TBLE)
        own_TBLJ, z_TBLR = z_TBLR.tensor_split([self.private_rank], -1)
        own_TBL1, gate_TBLE = gate_TBLE.tensor_split([1], -1)
        return torch.cat([super().mix(own_TBLJ, own_TBL1), super().mix(z_TBLR, gate_TBLE)], -1)

    def up(self, z_TBLP: Tensor) -> Tensor:
        """[B_t, B] z, scaled, (T, B, L, O)."""
        if not self.knows_tasks:
            return super().up(z_TBLP)
        own_TBLJ, z_TBLP = z_TBLP.tensor_split([self.private_rank], -1)
        own_TBLO = torch.einsum("tblj,toj->tblo", own_TBLJ, self.scale * self.private_up_TOJ)
        return own_TBLO + super().up(z_TBLP)

    def private(self) -> list[nn.Parameter]:
        """A_t and B_t, if there are any."""
        return [self.private_down_TKD, self.private_up_TOJ] if self.knows_tasks else []
