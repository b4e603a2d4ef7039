"""What the two parts of a network tell about their parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import nn

from mtl_ase.model.routing import Routing


class NetworkPart(nn.Module, ABC):
    """An encoder or a decoder: it says what each of its parameters is for.

    Counts, optimiser groups and checkpoints ask here; nothing looks at names.
    """

    @abstractmethod
    def components(self) -> dict[str, list[nn.Parameter]]:
        """All parameters by component: backbone, lora, task_embedding, routers, experts, ..."""

    @abstractmethod
    def parameters_by_layer(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by layer, in the order of the forward pass."""

    def compiled_parts(self) -> Sequence[nn.Module]:
        """What torch.compile takes one by one, so that equal parts are compiled once."""
        return [self]

    def embeddings(self) -> Sequence[nn.Parameter]:
        """Parameters that are no weights of a layer, and get no weight decay and no Muon."""
        return []

    def private(self) -> Sequence[nn.Parameter]:
        """Parameters whose first axis is the task axis: no other task uses that part."""
        return []

    def of_tasks(self) -> Mapping[str, Sequence[nn.Parameter]]:
        """Parameters by the task that alone uses them."""
        return {}

    def routers_of(self, routed: Routing) -> Sequence[nn.Parameter]:
        """The parameters that only weigh experts, of the router that made these decisions."""
        return []

    def learning_rates(self) -> Mapping[nn.Parameter, float]:
        """Factors on the learning rate, where they are not 1."""
        return {}
