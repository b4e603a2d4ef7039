"""What every decoder is. Legend: T tasks, B images, C channels, H W pixels or cells, D width."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from mtl_ase.model.part import NetworkPart
from mtl_ase.model.routing import Routing


class Decoder(NetworkPart):
    """From every task's feature maps to its logits, at any resolution.

    A decoder's constructor takes the keywords `feature_maps`, shapes of the encoder's maps, and
    `channels`, output channels by task.
    """

    @abstractmethod
    def forward(self, maps: Sequence[Tensor]) -> tuple[dict[str, Tensor], list[Routing]]:
        """Logits_BCHW by task, and what the routers decided, if there are any.

        Args:
            maps: maps_TBDHW of the encoder, the finest first.
        """

    def components(self) -> dict[str, list[nn.Parameter]]:
        """All parameters by component."""
        return {"decoder": list(self.parameters())}

    def parameters_by_layer(self) -> dict[str, list[nn.Parameter]]:
        """A decoder is one layer."""
        return {"decoder": list(self.parameters())}
