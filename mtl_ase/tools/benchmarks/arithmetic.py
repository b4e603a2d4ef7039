"""What a machine could reach: its rate of matrix products, and how many a computation needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

SIZE, ROUNDS = 2048, 5
DTYPES = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
"""What matrices are multiplied in, by Lightning's names of precisions."""


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """The context of a forward pass in one of the precisions in `DTYPES`."""
    dtype = DTYPES[precision]
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


def matrix_rate(device: torch.device, precision: str) -> float:
    """FLOPs a second (2 per multiply-add) of products of square matrices, the best of a few."""
    a, b = (torch.ones(SIZE, SIZE, dtype=DTYPES[precision], device=device) for _ in range(2))
    seconds = min(_timed(lambda: torch.mm(a, b), device) for _ in range(1 + ROUNDS))
    return float(2 * SIZE**3 / seconds)


def flops(compute: Callable[[], object]) -> int:
    """FLOPs (2 per multiply-add) of the matrix products and convolutions of a computation."""
    with FlopCounterMode(display=False) as counter:
        compute()
    return counter.get_total_flops()


def _timed(compute: Callable[[], object], device: torch.device) -> float:
    wait(device)
    start = time.perf_counter()
    compute()
    wait(device)
    return time.perf_counter() - start


def wait(device: torch.device) -> None:
    """Wait until a GPU has done all that it was given; a CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
