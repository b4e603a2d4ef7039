"""What a router decided. Legend: T tasks, B images, L tokens, E experts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

DECODER = "decoder"
"""Site of a decoder's routers."""


class Routing(NamedTuple):
    """The decisions of one router in one forward pass; statistics are computed when asked for.

    A router that looks at less gives axes of size 1: one per image (T, B, 1, E), one per task
    (T, 1, 1, E).
    """

    layer: int  #: index of the block, or of the router in a decoder
    site: str  #: name of the adapter's site, or "decoder"
    logits_TBLE: Tensor  #: of the experts that compete, with gradient (for the regularisers)
    gate_TBLE: Tensor  #: weights of all experts, detached

    def prob_TE(self) -> Tensor:
        """Softmax over the logits, mean over images and tokens; with gradient."""
        return self.logits_TBLE.softmax(-1).mean((1, 2))

    def gate_TE(self) -> Tensor:
        """Mean weight of every expert."""
        return self.gate_TBLE.mean((1, 2))

    def load_TE(self) -> Tensor:
        """Share of the tokens with a non-zero weight, for every expert."""
        return (self.gate_TBLE > 0).float().mean((1, 2))


def as_list(decided: Routing | Sequence[Routing] | None) -> list[Routing]:
    """The decisions of a block's routers, or of one adapter's, which may have none."""
    if decided is None:
        return []
    return [decided] if isinstance(decided, Routing) else list(decided)
