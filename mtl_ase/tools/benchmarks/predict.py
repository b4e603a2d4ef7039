"""Benchmark of predicting: images a second with all tasks, and with a single one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from omegaconf import DictConfig

from mtl_ase.build import build_network, build_tasks, forget_weights
from mtl_ase.machine.precision import FP32, hardware_precisions
from mtl_ase.tools.benchmarks.arithmetic import autocast, flops, matrix_rate, wait
from mtl_ase.tools.benchmarks.interleaved import interleave
from mtl_ase.tools.benchmarks.training_step import prepared_device, random_batch

ROUNDS = 9


def benchmark(config: DictConfig) -> dict[str, Any]:
    """Forward passes of batches as in evaluation, timed alternately, up to full-size logits.

    The network of a single task is that of a config with the first of the tasks alone. The limit
    is the arithmetic at the machine's rate of matrix products.

    Args:
        config: the whole config; copied.

    Returns:
        Images a second by precision and network, shares of the limit; `ratio` is the time of all
        tasks over that of a single one, in the config's own precision.
    """
    first = next(iter(config.tasks))
    single = copy.deepcopy(config)
    single.tasks = {first: single.tasks[first]}
    ways = {"all tasks": predictor(copy.deepcopy(config)), first: predictor(single)}
    device, count = prepared_device(config), config.data.batch_size
    result: dict[str, Any] = {
        "network": config.experiment_name,
        "image_size": list(config.data.image_size),
        "images": count,
        "rounds": ROUNDS,
    }
    needed = {name: flops(partial(predict, FP32, 0)) for name, predict in ways.items()}
    for precision in hardware_precisions():
        bound: dict[str, Callable[[int], None]] = {
            name: partial(predict, precision) for name, predict in ways.items()
        }
        timings = interleave(bound, range(ROUNDS))
        seconds = {name: timing.median_s for name, timing in timings.items()}
        rate = matrix_rate(device, precision)
        result[precision] = {
            "images a second": {name: round(count / s, 1) for name, s in seconds.items()},
            "limit over time": {
                name: round(needed[name] / rate / s, 3) for name, s in seconds.items()
            },
            "all over one": round(timings["all tasks"].over(timings[first]), 2),
        }
    own = config.trainer.precision
    result["ratio"] = result[own if own in result else FP32]["all over one"]
    return result


def predictor(config: DictConfig) -> Callable[[str, int], None]:
    """Predicts one random batch in a precision; the number changes nothing."""
    device = prepared_device(config)
    forget_weights(config)
    tasks = build_tasks(config)
    network = build_network(config, tasks).to(device).eval()
    image_BCHW = random_batch(config, tasks)[0].to(device)

    def predict(precision: str, _: int) -> None:
        with torch.inference_mode(), autocast(device, precision):
            network(image_BCHW)
        wait(device)

    return predict
