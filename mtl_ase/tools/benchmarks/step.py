"""Benchmark of a whole training step, with experts and without, and of its parts."""

from __future__ import annotations

import copy
from typing import Any

from omegaconf import DictConfig

from mtl_ase.machine.precision import FP32, hardware_precisions
from mtl_ase.tools.benchmarks.arithmetic import flops, matrix_rate
from mtl_ase.tools.benchmarks.expert_settings import FEW, MANY, SETTINGS, counts_of
from mtl_ase.tools.benchmarks.interleaved import interleave
from mtl_ase.tools.benchmarks.training_step import TrainingStep

ROUNDS = 15
WITHOUT, LOOPED = "without experts", f"{MANY}, loop"
LOOP = "mtl_ase.tools.benchmarks.looped_experts."


def benchmark(config: DictConfig) -> dict[str, Any]:
    """Whole steps of the config's network with ASE's experts in three settings, and without.

    Forward, losses, backward, clipping, AdamW, timed alternately, in 32 bits and in bfloat16. The
    limit is the arithmetic of the step without experts (the frozen trunk's forward pass and
    gradient of its input, LoRA and the heads) at the machine's rate of matrix products.

    Args:
        config: the whole config, with an adapter that has the paper's experts; copied.

    Returns:
        Median seconds, ratios, those of the arithmetic, and the limit by precision; `ratio` is that
        of 64/12/4/1 over the step without experts, in the config's own precision.
    """
    own = config.trainer.precision
    result: dict[str, Any] = {
        "network": config.experiment_name,
        "image_size": list(config.data.image_size),
        "images": config.data.batch_size,
        "rounds": ROUNDS,
    }
    for precision in hardware_precisions():
        steps = {name: _step(config, name, precision) for name in (WITHOUT, *SETTINGS, LOOPED)}
        ways = {name: step.run_once for name, step in steps.items()}
        arithmetic = {name: flops(step.run_once) for name, step in steps.items() if name != LOOPED}
        needed = arithmetic[WITHOUT]
        rate = matrix_rate(steps[WITHOUT].image_BCHW.device, precision)
        timings = interleave(ways, range(ROUNDS))
        seconds = {name: timing.median_s for name, timing in timings.items()}
        over = {name: round(timings[name].over(timings[WITHOUT]), 3) for name in SETTINGS}
        result[precision] = {
            "seconds": {name: round(value, 4) for name, value in seconds.items()},
            "over without experts": over,
            "arithmetic over without experts": {
                name: round(arithmetic[name] / needed, 3) for name in SETTINGS
            },
            "loop over ours": round(timings[LOOPED].over(timings[MANY]), 2),
            "gflop without experts": round(needed / 1e9, 1),
            "gflop a second": round(rate / 1e9),
            "limit over step": round(needed / rate / seconds[FEW], 3),
        }
    result["ratio"] = result[own if own in result else FP32]["over without experts"][MANY]
    return result


def _step(config: DictConfig, name: str, precision: str) -> TrainingStep:
    config = copy.deepcopy(config)
    config.trainer.precision = precision
    if name == WITHOUT:
        config.model.adapter = None
        return TrainingStep(config)
    setting = name.partition(",")[0]
    config.model.adapter.update({**counts_of(setting), "granularity": 1})
    if name == LOOPED:
        config.model.adapter["_target_"] = f"{LOOP}LoopedExperts"
    return TrainingStep(config, trusted=(LOOP,))
