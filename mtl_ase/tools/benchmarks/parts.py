"""Benchmark of the parts of a training step, each by itself, as shares of the whole.

Legend: T tasks, B images, C channels, L tokens, D width, H W cells or pixels.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any, cast

import torch
from omegaconf import DictConfig
from torch import Tensor

from mtl_ase.base.numerics import to_autocast_dtype
from mtl_ase.build import build_data, build_tasks
from mtl_ase.model.adapters import RoutedExperts
from mtl_ase.model.network import resized
from mtl_ase.tools.benchmarks.arithmetic import flops, matrix_rate, wait
from mtl_ase.tools.benchmarks.interleaved import interleave
from mtl_ase.tools.benchmarks.training_step import TrainingStep

ROUNDS = 9
WHOLE, LOADER = "whole step", "loader, in one worker"
ENCODER, PLAIN = "encoder", "encoder without experts"
EMBED, ROUTERS, HEADS, LOSSES = "embedding", "routers", "heads", "losses"
OPTIMISER = "clipping and optimiser"


def benchmark(config: DictConfig) -> dict[str, Any]:
    """Time the parts of a step, forward and backward, alternately with whole steps.

    The encoder is timed with experts and without; what is between them is the experts'. The loader
    makes the samples of a batch in one process, as a worker does while the step before computes.
    The limit is the arithmetic of the step at the machine's rate of matrix products.

    Args:
        config: the whole config, with an adapter that has the paper's experts; copied.

    Returns:
        Median milliseconds, shares of the whole step, and the limit; `ratio` is that of all parts
        together over the whole step.
    """
    without = copy.deepcopy(config)
    without.model.adapter = None
    step, plain = TrainingStep(copy.deepcopy(config)), TrainingStep(without)
    maps = [map_TBDHW.detach() for map_TBDHW in _encode(step)]
    ways: dict[str, Callable[[int], object]] = {
        WHOLE: step.run_once,
        EMBED: lambda _: _embed(step),
        ENCODER: lambda _: _backward(step, _encode(step)),
        PLAIN: lambda _: _backward(plain, _encode(plain)),
        ROUTERS: _routers(step),
        HEADS: _heads(step, maps),
        LOSSES: _losses(step, maps),
        OPTIMISER: _optimiser(step),
        LOADER: _loader(config),
    }
    timings = interleave(ways, range(ROUNDS))
    ms = {name: 1000 * timing.median_s for name, timing in timings.items()}
    parts = {
        EMBED: ms[EMBED],
        "blocks": ms[PLAIN] - ms[EMBED],
        "experts": ms[ENCODER] - ms[PLAIN] - ms[ROUTERS],
        **{name: ms[name] for name in (ROUTERS, HEADS, LOSSES, OPTIMISER)},
    }
    limit = flops(step.run_once) / matrix_rate(step.image_BCHW.device, config.trainer.precision)
    return {
        "network": config.experiment_name,
        "image_size": list(config.data.image_size),
        "images": config.data.batch_size,
        "precision": config.trainer.precision,
        "rounds": ROUNDS,
        "milliseconds": {name: round(value, 2) for name, value in ms.items()},
        "shares": {name: round(value / ms[WHOLE], 3) for name, value in parts.items()},
        "limit over step": round(1000 * limit / ms[WHOLE], 3),
        "ratio": round(sum(parts.values()) / ms[WHOLE], 3),
    }


def _encode(step: TrainingStep) -> list[Tensor]:
    with step.autocast():
        maps, _ = step.network.encoder(step.image_BCHW)
    return list(maps)


def _backward(step: TrainingStep, outputs: list[Tensor]) -> None:
    torch.autograd.backward(outputs, [torch.ones_like(output) for output in outputs])
    step.optimizer.zero_grad()
    wait(step.image_BCHW.device)


def _embed(step: TrainingStep) -> None:
    with step.autocast():
        cast(Any, step.network.encoder).embed(step.image_BCHW)
    wait(step.image_BCHW.device)


def _routers(step: TrainingStep) -> Callable[[int], None]:
    """The gates of all layers, on random tokens."""
    experts = [a for a in step.network.encoder.modules() if isinstance(a, RoutedExperts)]
    site = experts[0].site
    shape = (site.num_tasks, len(step.image_BCHW), site.num_tokens, site.width_in)
    x_TBLD = torch.randn(shape, device=step.image_BCHW.device)

    def run(_: int) -> None:
        for adapter in experts:
            with step.autocast():
                u_TBLD = to_autocast_dtype(x_TBLD).detach().requires_grad_()
                gate_TBLE, _routing = adapter.gates(u_TBLD)
            _backward(step, [gate_TBLE])

    return run


def _heads(step: TrainingStep, maps: list[Tensor]) -> Callable[[int], None]:
    def run(_: int) -> None:
        inputs = [map_TBDHW.detach().requires_grad_() for map_TBDHW in maps]
        _backward(step, list(_logits(step, inputs).values()))

    return run


def _losses(step: TrainingStep, maps: list[Tensor]) -> Callable[[int], None]:
    logits = {name: logits_BCHW.detach() for name, logits_BCHW in _logits(step, maps).items()}

    def run(_: int) -> None:
        inputs = {name: value.clone().requires_grad_() for name, value in logits.items()}
        with step.autocast():
            losses = step.task_losses(inputs)
        _backward(step, list(losses.values()))

    return run


def _logits(step: TrainingStep, maps: list[Tensor]) -> dict[str, Tensor]:
    with step.autocast():
        logits, _ = step.network.decoder(maps)
        return resized(logits, step.image_BCHW)


def _optimiser(step: TrainingStep) -> Callable[[int], None]:
    gradients = [torch.randn_like(parameter) for parameter in step.trained]

    def run(_: int) -> None:
        for parameter, gradient in zip(step.trained, gradients, strict=True):
            parameter.grad = gradient
        step.update()

    return run


def _loader(config: DictConfig) -> Callable[[int], object]:
    data = build_data(config, build_tasks(config))
    data.prepare_data()
    dataset = data.dataset("train", training=True)
    numbers = itertools.cycle(range(len(dataset)))
    return lambda _: [dataset[0, next(numbers)] for _ in range(config.data.batch_size)]
