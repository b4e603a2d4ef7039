"""Settings that speed up training on a CPU."""

from __future__ import annotations

import ctypes
import platform

import lightning.pytorch as pl
import torch
from timm.layers.config import set_fused_attn

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Parameter numbers of glibc's mallopt (malloc.h)."""
NO_TRIM_BYTES, PAD_BYTES = 2**31 - 1, 2**28


def prepare_device(trainer: pl.Trainer) -> None:
    """On a CPU, switch off fused attention and keep freed memory; call it before building networks.

    Without fused attention timm computes attention as matrix products, whose backward pass is
    faster on a CPU than torch's scaled_dot_product_attention, which otherwise takes most of a step
    of `experiment=demo`. On a GPU fused attention stays on.

    Args:
        trainer: the trainer whose device is used.
    """
    device = trainer.strategy.root_device
    choose_attention(device)
    if device.type == "cpu":
        keep_freed_memory()


def choose_attention(device: torch.device) -> None:
    """Fused attention, but on a CPU matrix products; call it before building networks."""
    set_fused_attn(device.type != "cpu")


def keep_freed_memory() -> bool:
    """Make glibc's malloc keep freed blocks instead of returning them to the operating system.

    Activations of more than 32 MB are otherwise mapped and zeroed again at every step, which can
    take as long as the step's arithmetic.

    Returns:
        True if this process runs on glibc and the settings were accepted.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, NO_TRIM_BYTES), (M_TOP_PAD, PAD_BYTES))
    return sum(libc.mallopt(name, value) for name, value in settings) == len(settings)
