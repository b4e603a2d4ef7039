"""Plain LoRA. Legend: D width in, O width out."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from mtl_ase.base.bounds import Share, Weight
from mtl_ase.model.adapters.adapter import LINEARS
from mtl_ase.model.adapters.low_rank import LowRankAdapter
from mtl_ase.model.adapters.site import Site


class LoRA(LowRankAdapter):
    """The same low-rank update for all tasks: y = (alpha / r) B A x.

    Source: LoRA, arXiv 2106.09685.

    Args:
        site: where this adapter stands.
        rank: r, rank of the update.
        alpha: the update is scaled by alpha / r.
        dropout: on the input, in training.
        sites: where a block gets one.
    """

    component = "lora"
    knows_tasks = False

    def __init__(
        self,
        site: Site,
        rank: int,
        alpha: Weight,
        dropout: Share = 0.0,
        sites: Sequence[str] = LINEARS,
    ) -> None:
        super().__init__(site, rank, alpha / max(rank, 1), dropout=dropout)

    def delta_weight(self, task: int) -> Tensor:
        """The update as a matrix_OD, the same for every task."""
        return self.scale * self.up_OP @ self.down_RD
