"""A low-rank update for all tasks, and one a task at the end of a stage. Legend: D O widths."""

from __future__ import annotations

from torch import Tensor

from mtl_ase.base.bounds import Positive, Share, Weight
from mtl_ase.model.adapters.private_low_rank import PrivateLowRank
from mtl_ase.model.adapters.site import LINEARS, Site, Sites
from mtl_ase.model.adapters.stages import ends_stage


class MTLoRA(PrivateLowRank):
    """A shared low-rank update plus one for each task: y_t = scale * (B A x + B_t A_t x).

    Source: MTLoRA, arXiv 2403.20320, for Swin; code scale-lab/MTLoRA. There only the last block of
    each of the 4 stages has B_t, A_t; a plain ViT has no stages, so its blocks are split into
    `num_stages` equal ones (block 2, 5, 8, 11 of 12). The others have B A only. We add both updates
    as the code's mode "matrixv2" does; its mode "matrix" keeps them in separate streams, of which
    the shared one runs on, while here every task has a stream of its own in all blocks. The code
    has an A and B each for q, k and v, and trains norms too.

    Args:
        shared_rank: of B A.
        private_rank: of B_t A_t.
        scale: factor on both updates, as it is: not divided by the rank.
        num_stages: equal stages into which the blocks are split; as many as blocks: every block has
            a task-specific update.
    """

    def __init__(
        self,
        site: Site,
        shared_rank: Positive,
        private_rank: Positive,
        scale: Weight,
        num_stages: Positive = 4,
        dropout: Share = 0.0,
        sites: Sites = LINEARS,
    ) -> None:
        private_rank = private_rank if ends_stage(site, num_stages) else 0
        super().__init__(site, private_rank, shared_rank, scale, dropout=dropout)

    def delta_weight(self, task: int) -> Tensor:
        """The update of a task as a matrix_OD."""
        delta_OD = self.up_OP @ self.down_RD
        if self.knows_tasks:
            delta_OD = delta_OD + self.private_up_TOJ[task] @ self.private_down_TKD[task]
        return self.scale * delta_OD
