"""What every encoder is. Legend: T tasks, B images, C channels, H W pixels, D width."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from mtl_ase.base.errors import UserError
from mtl_ase.model.adapters import Adapter, Site
from mtl_ase.model.part import NetworkPart
from mtl_ase.model.routing import Routing


class FeatureMap(NamedTuple):
    """Shape of one of an encoder's feature maps."""

    width: int  #: D, channels
    stride: int  #: pixels of the image per cell


class Encoder(NetworkPart):
    """From images to every task's feature maps.

    Attributes:
        feature_maps: shapes of the maps, the finest first.
        source: where pretrained weights were read from; None if all are random.
    """

    feature_maps: Sequence[FeatureMap]
    source: str | None = None

    @abstractmethod
    def forward(self, image_BCHW: Tensor) -> tuple[list[Tensor], list[Routing]]:
        """Feature maps_TBDHW of all tasks, the finest first, and what the routers decided.

        Args:
            image_BCHW: bytes or floats in 0..255.
        """

    def forward_by_task(
        self, image_BCHW: Tensor, by_task: Mapping[str, Tensor]
    ) -> tuple[list[Tensor], list[Routing]]:
        """What `forward` gives, with weights of each task in place of shared ones.

        Args:
            image_BCHW: bytes or floats in 0..255.
            by_task: for every name in `used_in_passes` a tensor (T, ...).
        """
        raise NotImplementedError(f"{type(self).__name__} has no passes of single tasks")

    def used_in_passes(self) -> dict[str, nn.Parameter]:
        """Trainable parameters that all tasks share, but use in passes of their own, by name.

        Their gradients by task come from one backward pass; see `forward_by_task`.
        """
        return {}

    def sites(self) -> Sequence[Site]:
        """Where adapters can stand, in the order of the forward pass."""
        return []

    def attach(self, adapter: Adapter) -> None:
        """Add an adapter at its site.

        Raises:
            UserError: this encoder has no sites.
        """
        raise UserError(f"{type(self).__name__} takes no adapters; choose model/adapter=none.")

    def adapters(self) -> list[Adapter]:
        """The attached adapters, in the order of the forward pass."""
        return []

    def parameter_blocks(self) -> dict[nn.Parameter, Tensor]:
        """What the adapters' `parameter_blocks` say, numbered on from one adapter to the next."""
        blocks: dict[nn.Parameter, Tensor] = {}
        begin = 0
        for adapter in self.adapters():
            own = {p: begin + number for p, number in adapter.parameter_blocks().items()}
            begin = 1 + max((int(number.max()) for number in own.values()), default=begin - 1)
            blocks |= own
        return blocks

    def draw_task_embedding(self) -> None:
        """Draw the task embedding, if there is one; called last, as in earlier versions."""

    def after_step(self, routing: Sequence[Routing]) -> None:
        """Let every adapter see what its router decided in a training step."""

    def components(self) -> dict[str, list[nn.Parameter]]:
        """All parameters by component: backbone, lora, task_embedding, routers, experts, ..."""
        return {"backbone": list(self.parameters())}

    def parameters_by_layer(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by layer; without layers of its own, an encoder is one."""
        return {"encoder": list(self.parameters())}

    def backbone_state(self) -> dict[str, Tensor]:
        """The backbone's weights by the names of the library it came from, without adapters."""
        return {}

    def frozen_weights(self) -> dict[str, nn.Parameter]:
        """Frozen parameters that the file `source` holds, by their names in this module."""
        return {}
