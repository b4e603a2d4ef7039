"""Benchmark of one layer: a frozen FFN with experts beside it, forward and backward.

Legend: T tasks, B images, L tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from mtl_ase.build import build_outline
from mtl_ase.machine.precision import FP32, hardware_precisions
from mtl_ase.model.adapters import Adapter, AdaptiveShared, LoRA, RoutedExperts, Site
from mtl_ase.tools.benchmarks.arithmetic import autocast, wait
from mtl_ase.tools.benchmarks.expert_settings import (
    COARSE,
    FEW,
    FINER,
    FINEST,
    MANY,
    SETTINGS,
    counts_of,
)
from mtl_ase.tools.benchmarks.interleaved import Timing, interleave
from mtl_ase.tools.benchmarks.looped_experts import LoopedExperts
from mtl_ase.tools.benchmarks.training_step import prepared_device

ROUNDS = 25
RANKS = 64
"""Rank of plain LoRA: N * r of the paper's settings."""
ALL = (*SETTINGS, *FINER)
LOOPED = (FEW, MANY)
"""Settings that are computed in a loop, too; it takes long."""


def benchmark(config: DictConfig) -> dict[str, Any]:
    """A frozen FFN alone, with plain LoRA, with our experts, and with the same in a loop.

    All are timed alternately, forward and backward to the input and the adapter, on random tokens
    of the config's network and batch, in 32 bits and, where it is not emulated, in bfloat16.

    Args:
        config: the whole config; its `model` node is changed. It runs on the trainer's device.

    Returns:
        Median milliseconds by precision; ratios; `ratio` is the loop over ours at 64/12/4/1.
    """
    device = prepared_device(config)
    site = ffn_site(config)
    adapters = {name: _experts(RoutedExperts, site, name) for name in (*ALL, COARSE)}
    adapters |= {f"{name}, loop": _experts(LoopedExperts, site, name) for name in LOOPED}
    adapters["lora"] = LoRA(site, rank=RANKS, alpha=2 * RANKS)
    width, hidden = site.width_in, 4 * site.width_in
    ffn = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
    ffn.to(device).requires_grad_(False)
    for adapter in adapters.values():
        adapter.to(device).train()
    shape = (site.num_tasks, config.data.batch_size, site.num_tokens, width)
    x_TBLD = torch.randn(shape).to(device)
    result: dict[str, Any] = {"tokens": list(x_TBLD.shape), "rounds": ROUNDS}
    for precision in hardware_precisions():
        ways: dict[str, Callable[[int], None]] = {
            name: partial(_run, ffn, adapter, x_TBLD, precision)
            for name, adapter in {"frozen FFN alone": None, **adapters}.items()
        }
        timings = interleave(ways, range(ROUNDS))
        seconds = {name: timing.median_s for name, timing in timings.items()}
        result[precision] = {"milliseconds": {n: round(1e3 * s, 2) for n, s in seconds.items()}}
        result[precision] |= _ratios(timings)
    result["ratio"] = result[FP32]["loop over ours"][MANY]
    return result


def ffn_site(config: DictConfig) -> Site:
    """The site beside the first block's FFN."""
    network = build_outline(config)
    return next(site for site in network.encoder.sites() if site.name == "ffn")


def _experts(made: type[RoutedExperts], site: Site, setting: str) -> Adapter:
    adapter = made(site, AdaptiveShared, **counts_of(setting))  # type: ignore[arg-type]
    nn.init.normal_(adapter.up_OP, std=0.02)
    return adapter


def _run(ffn: nn.Module, adapter: Adapter | None, x_TBLD: Tensor, precision: str, _: int) -> None:
    x_TBLD = x_TBLD.detach().requires_grad_()
    with autocast(x_TBLD.device, precision):
        y_TBLD = ffn(x_TBLD)
        if adapter is not None:
            y_TBLD = y_TBLD + adapter(x_TBLD)[0]
    y_TBLD.backward(torch.ones_like(y_TBLD))
    wait(x_TBLD.device)


def _ratios(timings: Mapping[str, Timing]) -> dict[str, dict[str, float]]:
    lora, few = timings["lora"], timings[FEW]
    ratios = {
        "over plain LoRA": {name: timings[name].over(lora) for name in ALL},
        f"over {FEW}": {name: timings[name].over(few) for name in ALL},
        f"over {COARSE}": {FINEST: timings[FINEST].over(timings[COARSE])},
        "loop over ours": {name: timings[f"{name}, loop"].over(timings[name]) for name in LOOPED},
    }
    return {
        what: {name: round(value, 3) for name, value in values.items()}
        for what, values in ratios.items()
    }
