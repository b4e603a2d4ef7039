"""Where an adapter stands. Legend: L tokens, D width in, O width out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

Sites = Sequence[str]
"""Names of the sites of a block where an adapter is built."""

LINEARS = ("qkv", "proj", "fc1", "fc2")
"""Sites of all linear layers of a transformer block."""


@dataclass(frozen=True)
class Site:
    """A place in an encoder where an adapter adds to what is computed there.

    At the site of a linear layer the adapter gets the layer's input and adds to its output; at the
    site "ffn" it gets the input of the whole FFN and adds to the residual stream.

    Attributes:
        name: of the linear layer, or "ffn".
        layer: index of the block.
        num_layers: number of blocks.
        width_in: D, features of a token that comes in.
        width_out: O, features of a token that goes out.
        num_tasks: T, length of the task axis; 1 where `shared`.
        grid_hw: rows and columns of the patch tokens.
        num_prefix: class and register tokens, which come before the patch tokens.
        weight_OD: weight of the linear layer; None beside a whole FFN.
        shared: all tasks share one pass here, so no adapter that knows tasks can stand here.
    """

    name: str
    layer: int
    num_layers: int
    width_in: int
    width_out: int
    num_tasks: int
    grid_hw: tuple[int, int]
    num_prefix: int = 0
    weight_OD: Tensor | None = None
    shared: bool = False

    @property
    def num_tokens(self) -> int:
        """L, tokens of an image."""
        return self.num_prefix + math.prod(self.grid_hw)
