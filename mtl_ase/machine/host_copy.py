"""A tensor on its way from a GPU to the CPU, that nobody waits for until it is read."""

from __future__ import annotations

import torch
from torch import Tensor


class HostCopy:
    """Begins to copy a tensor to the CPU without waiting for the GPU.

    Args:
        value: on any device; it may not change later.
    """

    def __init__(self, value: Tensor) -> None:
        self.arrived: torch.cuda.Event | None = None
        if value.is_cuda:
            self.value = torch.empty_like(value, device="cpu", pin_memory=True)
            self.value.copy_(value, non_blocking=True)
            self.arrived = torch.cuda.Event()
            self.arrived.record()
        else:
            self.value = value

    def read(self) -> Tensor:
        """The tensor on the CPU; waits for what the GPU was given before the copy, not after."""
        if self.arrived is not None:
            self.arrived.synchronize()
        return self.value
