"""The fastest precision this machine trains in."""

from __future__ import annotations

import torch


def fast_precision() -> str:
    """Lightning's name of it: bfloat16 autocast where the hardware multiplies in it, else 32 bit.

    That is a CUDA GPU from Ampere on, or a CPU with AMX; other CPUs emulate it, slowly.
    """
    if torch.cuda.is_available():
        return (
            "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
        )
    return "bf16-mixed" if torch.cpu._is_amx_tile_supported() else "32-true"
