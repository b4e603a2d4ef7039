"""The processes that train together."""

from __future__ import annotations

from torch import Tensor, distributed, nn


def num_processes() -> int:
    """The world size; 1 without `torch.distributed`."""
    started = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if started else 1


def share_buffers(module: nn.Module) -> None:
    """Broadcast the buffers of the first process."""
    if num_processes() > 1:
        for buffer in module.buffers():
            distributed.broadcast(buffer, src=0)


def average(value: Tensor) -> None:
    """Replace a tensor by its mean over all processes, in place."""
    if num_processes() > 1:
        distributed.all_reduce(value)
        value /= num_processes()


def joined_mean(value: Tensor) -> Tensor:
    """The mean of a tensor over all processes, a new one."""
    value = value.clone()
    average(value)
    return value
