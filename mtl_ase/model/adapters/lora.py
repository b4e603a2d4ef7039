"""Plain LoRA. Legend: D width in, O width out."""

from __future__ import annotations

from torch import Tensor

from mtl_ase.base.bounds import Positive, Share, Weight
from mtl_ase.model.adapters.low_rank import LowRankAdapter
from mtl_ase.model.adapters.site import LINEARS, Site, Sites


class LoRA(LowRankAdapter):
    """The same low-rank update for all tasks: y = (alpha / r) B A x.

    Source: LoRA, arXiv 2106.09685.

    Args:
        rank: r, rank of the update.
    """

    component = "lora"
    knows_tasks = False
    takes_task_axis = True

    def __init__(
        self,
        site: Site,
        rank: Positive,
        alpha: Weight,
        dropout: Share = 0.0,
        sites: Sites = LINEARS,
    ) -> None:
        super().__init__(site, rank, alpha / rank, dropout=dropout)

    def delta_weight(self, task: int) -> Tensor:
        """The update as a matrix_OD, the same for every task."""
        return self.scale * self.up_OP @ self.down_RD
