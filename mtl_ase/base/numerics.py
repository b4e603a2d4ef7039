"""Arithmetic that must not lose digits: 32 bits at least, and 64 where the tensors have them."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """The tensor in float32, whatever autocast made it; float64 stays float64."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
