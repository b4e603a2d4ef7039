"""The fastest training precision of this machine."""

from __future__ import annotations


def fast_precision() -> str:
    """Lightning's precision name: "bf16-mixed" if the hardware has bfloat16 units, else "32-true".

    Such hardware is a CUDA GPU from Ampere on, or a CPU with AMX or AVX512-BF16; other hardware
    emulates bfloat16 slowly.
    """
    import torch  # late: configs are also composed only to be shown

    if torch.cuda.is_available():
        return (
            "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
        )
    has_units = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return "bf16-mixed" if has_units else "32-true"
