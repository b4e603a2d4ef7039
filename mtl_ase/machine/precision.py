"""The fastest training precision of this machine, measured once."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mtl_ase.base.atomic_files import write_json
from mtl_ase.machine.cache import cache_folder

AUTOMATIC = "${fast_precision:}"
"""How configs ask for it."""
BF16, FP32 = "bf16-mixed", "32-true"
ENOUGH = 1.1
"""How many times as fast bfloat16 must be to be worth its rounding."""
ROUNDS = 4
TOKENS, WIDTH, HIDDEN = 512, 192, 768
"""Of the probe: two images in the small ViT of scenes."""


def fast_precision() -> str:
    """Lightning's precision name: "bf16-mixed" where it is the faster one, else "32-true".

    On a CUDA GPU it is, from Ampere on. A CPU without AMX and AVX512-BF16 emulates bfloat16 slowly;
    on one that has them it depends (measured: products of matrices 0.5 to 2.5 times as fast), so
    it is measured, once for every model of CPU and version of torch.
    """
    import torch  # late: configs are also composed only to be shown

    if BF16 not in hardware_precisions():
        return FP32
    if torch.cuda.is_available():
        return BF16
    speedup = remembered(f"{cpu_model()}, torch {torch.__version__}", bf16_speedup)
    return BF16 if speedup >= ENOUGH else FP32


def hardware_precisions() -> tuple[str, ...]:
    """The precisions that this machine's GPU, or else its CPU, computes without emulation."""
    import torch

    if torch.cuda.is_available():
        known = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        known = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return (FP32, BF16) if known else (FP32,)


def remembered(machine: str, measure: Callable[[], float]) -> float:
    """What was measured on such a machine before, or now.

    It is in `bf16_speedup.json` of the cache folder; where that can't be read, it is measured
    again, where it can't be written, in every process.
    """
    path = cache_folder() / "bf16_speedup.json"
    known = _read(path)
    if machine not in known:
        known[machine] = round(measure(), 3)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, known)
        except OSError:
            pass
    return known[machine]


def bf16_speedup() -> float:
    """How many times as fast a frozen FFN, forward and backward to its input, is by autocast.

    Timed alternately; it takes some 50 ms.
    """
    import torch
    from torch.nn.functional import gelu, linear

    x_LD = torch.ones(TOKENS, WIDTH, requires_grad=True)
    up_FD, down_DF = torch.full((HIDDEN, WIDTH), 0.01), torch.full((WIDTH, HIDDEN), 0.01)

    def seconds(bf16: bool) -> float:
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            y_LD = linear(gelu(linear(x_LD, up_FD)), down_DF)
        y_LD.backward(torch.ones_like(y_LD))
        return time.perf_counter() - start

    for bf16 in (False, True):
        seconds(bf16)
    pairs = [(seconds(False), seconds(True)) for _ in range(ROUNDS)]
    slow, fast = (statistics.median(times) for times in zip(*pairs, strict=True))
    return slow / fast


def cpu_model() -> str:
    """Name and numbers of the CPU's model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    known = {name.strip(): value.strip() for name, value in facts.items()}
    names = ("model name", "cpu family", "model", "stepping")
    return " ".join(known[name] for name in names if name in known) or platform.machine()


def _read(path: Path) -> dict[str, float]:
    try:
        known: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    pairs = known.items() if isinstance(known, dict) else ()
    return {name: float(value) for name, value in pairs if isinstance(value, int | float)}
