"""What makes training on a CPU quick."""

from __future__ import annotations

import ctypes
import platform

import lightning.pytorch as pl
from timm.layers.config import set_fused_attn

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
NEVER, PAD_BYTES = 2**31 - 1, 2**28


def prepare_device(trainer: pl.Trainer) -> None:
    """Settle, before the network is built, what makes training on a CPU quick; nothing on a GPU.

    Attention is written out as matrix products: on a CPU their backward pass is quicker than that
    of torch's fused attention, which dominates a step of `experiment=demo` otherwise.
    """
    on_cpu = trainer.strategy.root_device.type == "cpu"
    set_fused_attn(not on_cpu)
    if on_cpu:
        keep_freed_memory()


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed blocks instead of giving them back to the system.

    Activations of more than 32 MB are otherwise mapped and cleared anew at every step, which can
    take as long as the step's arithmetic.

    Returns:
        Whether this process runs on glibc and took the settings.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, NEVER), (M_TOP_PAD, PAD_BYTES))
    return sum(libc.mallopt(name, value) for name, value in settings) == len(settings)
