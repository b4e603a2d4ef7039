"""What every regulariser of the routers is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from mtl_ase.base.bounds import Weight
from mtl_ase.model import Routing


class Regulariser(nn.Module, ABC):
    """A loss on the decisions of all routers, added to the tasks' losses.

    Args:
        weight: factor on the loss; with 0 it is not computed.
    """

    def __init__(self, weight: Weight) -> None:
        super().__init__()
        self.weight = weight

    @abstractmethod
    def forward(self, routing: Sequence[Routing]) -> Tensor:
        """The unweighted loss of one forward pass, a scalar; there is at least one router."""
