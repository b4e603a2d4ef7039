"""Benchmark of torch.compile: a whole training step with it, over one without."""

from __future__ import annotations

import copy
import time
from typing import Any

from omegaconf import DictConfig

from mtl_ase.machine.precision import FP32, hardware_precisions
from mtl_ase.tools.benchmarks.interleaved import interleave
from mtl_ase.tools.benchmarks.training_step import TrainingStep

ROUNDS = 9
PLAIN, COMPILED = "as written", "compiled"


def benchmark(config: DictConfig) -> dict[str, Any]:
    """Steps with `training.compiled=true` and without, timed alternately.

    Args:
        config: the whole config; copied.

    Returns:
        Median milliseconds by precision, seconds until the first compiled step has ended, and
        ratios; `ratio` is that of the config's own precision.
    """
    result: dict[str, Any] = {"network": config.experiment_name, "rounds": ROUNDS}
    for precision in hardware_precisions():
        steps = {name: _step(config, precision, name == COMPILED) for name in (PLAIN, COMPILED)}
        started = time.monotonic()
        steps[COMPILED].run_once()
        first = time.monotonic() - started
        ways = {name: step.run_once for name, step in steps.items()}
        timings = interleave(ways, range(ROUNDS))
        result[precision] = {
            "milliseconds": {name: round(1e3 * t.median_s, 1) for name, t in timings.items()},
            "seconds of the first step": round(first, 1),
            "compiled over as written": round(timings[COMPILED].over(timings[PLAIN]), 3),
        }
    own = config.trainer.precision
    result["ratio"] = result[own if own in result else FP32]["compiled over as written"]
    return result


def _step(config: DictConfig, precision: str, compiled: bool) -> TrainingStep:
    own = copy.deepcopy(config)
    own.trainer.precision, own.training.compiled = precision, compiled
    return TrainingStep(own)
