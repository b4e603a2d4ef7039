"""Numerical precision inside autocast regions."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """Cast bfloat16 and float16 tensors to float32; float32 and float64 stay as they are."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def to_autocast_dtype(x: Tensor) -> Tensor:
    """Cast to the type of autocast's matrix products, where autocast is on.

    What several products read is then cast and kept for the backward pass once, not by each.
    """
    device = x.device.type
    return x.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else x
