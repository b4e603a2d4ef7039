"""The processes that train together."""

from __future__ import annotations

from torch import distributed


def num_processes() -> int:
    """The world size; 1 without `torch.distributed`."""
    started = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if started else 1
