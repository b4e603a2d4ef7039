"""What every decoder is. Legend: T tasks, B images, C channels, H W pixels or cells, D width."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from mtl_ase.model.routing import Routing


class Decoder(nn.Module, ABC):
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

    def embeddings(self) -> Sequence[nn.Parameter]:
        """Parameters that are no weights of a layer, and get no weight decay and no Muon."""
        return []

    def private(self) -> Sequence[nn.Parameter]:
        """Parameters whose first axis is the task axis: no other task uses that part."""
        return []

    def of_tasks(self) -> Mapping[str, Sequence[nn.Parameter]]:
        """Parameters by the task that alone uses them."""
        return {}
