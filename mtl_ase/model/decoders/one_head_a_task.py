"""The default decoder. Legend: T tasks, B images, C channels, H W pixels or cells, D width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor, nn

from mtl_ase.model.decoders.decoder import Decoder
from mtl_ase.model.encoders import FeatureMap
from mtl_ase.model.routing import Routing
from mtl_ase.model.single_task_runs import read_single_task_runs

KEY = "model.decoder.stl"


class MakeHead(Protocol):
    """A head class with all but the width and the output channels bound."""

    def __call__(self, *, width: int, channels: int) -> nn.Module:
        """Build one task's head."""


class OneHeadATask(Decoder):
    """A head for every task on the coarsest feature map (arXiv 2510.00570, Eq. 13).

    Args:
        feature_maps: shapes of the encoder's maps.
        channels: output channels by task name; their order is the order of the task axis.
        head: makes a head, given width and channels.
        stl: run folders of finished single-task runs whose heads these start as, one for each
            task in any order; None: random heads.

    Raises:
        UserError: runs that are not one finished run for each task, with the same head.
    """

    def __init__(
        self,
        feature_maps: Sequence[FeatureMap],
        channels: Mapping[str, int],
        head: MakeHead,
        stl: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        width = feature_maps[-1].width
        self.heads = nn.ModuleDict(
            {name: head(width=width, channels=count) for name, count in channels.items()}
        )
        if stl is not None:
            for name, run in read_single_task_runs(stl, list(channels), KEY).items():
                run.load_part(f"decoder.heads.{name}", self.heads[name], KEY)

    def compiled_parts(self) -> Sequence[nn.Module]:
        """The heads."""
        return list(self.heads.values())

    def forward(self, maps: Sequence[Tensor]) -> tuple[dict[str, Tensor], list[Routing]]:
        """Logits_BCHW by task; there are no routers."""
        heads = zip(self.heads.items(), maps[-1], strict=True)
        return {name: head(map_BDHW) for (name, head), map_BDHW in heads}, []

    def components(self) -> dict[str, list[nn.Parameter]]:
        """The parameters of every head."""
        return {f"head.{name}": list(head.parameters()) for name, head in self.heads.items()}

    def of_tasks(self) -> Mapping[str, Sequence[nn.Parameter]]:
        """All of them."""
        return {name: list(head.parameters()) for name, head in self.heads.items()}
