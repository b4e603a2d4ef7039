"""The fastest precision this machine trains in."""

from __future__ import annotations

import torch


def fast_precision() -> str:
    """Lightning's name of it: bfloat16 autocast where the hardware multiplies in it, else 32 bit.

    That is a CUDA GPU from Ampere on, or a CPU with AMX or AVX512-BF16; others emulate it, slowly.
    """
    if torch.cuda.is_available():
        return (
            "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
        )
    multiplies = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return "bf16-mixed" if multiplies else "32-true"
