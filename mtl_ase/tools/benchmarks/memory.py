"""Benchmark of memory: the most that a training step takes, with experts and without."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from mtl_ase.build import parameter_count
from mtl_ase.config import run_once
from mtl_ase.machine.process_memory import megabytes_of
from mtl_ase.tools.benchmarks.expert_settings import FEW, MANY, counts_of
from mtl_ase.tools.benchmarks.scaling import BYTES_OF_TRAINED, BYTES_OF_WEIGHT
from mtl_ase.tools.benchmarks.training_step import TrainingStep, prepared_device
from mtl_ase.tools.saved_memory import look_at_forward

STEPS = 3
WITHOUT = "without experts"
CHECKPOINTED = "activation checkpointing"


def benchmark(config: DictConfig) -> dict[str, Any]:
    """The memory of whole steps, each network in a process of its own.

    On a CPU, what the process holds at most beyond what it held before the first step; on a GPU,
    the most that PyTorch allocated. Beside it what can be counted without a step: what is kept for
    the backward pass, gradients, and AdamW's means; what lives shorter is not in it.

    Args:
        config: the whole config, with an adapter that has the paper's experts.

    Returns:
        MiB by network, measured and counted; ratios over the network without experts, and of
        activation checkpointing over none; `ratio` is that of 64/12/4/1 over the network without
        experts.
    """
    given = list(HydraConfig.get().overrides.task)
    networks = {WITHOUT: [*given, "model.adapter=null"]}
    networks |= {name: [*given, *_counts(name)] for name in (FEW, MANY)}
    on_gpu = prepared_device(config).type == "cuda"
    counted = {name: run_once(partial(_count, on_gpu), own) for name, own in networks.items()}
    checkpointing = "model.encoder.activation_checkpointing=true"
    networks[CHECKPOINTED] = [*networks[FEW], checkpointing]
    found = {name: measured(own) for name, own in networks.items()}
    over = {name: round(value / found[WITHOUT], 3) for name, value in found.items()}
    return {
        "network": config.experiment_name,
        "image_size": list(config.data.image_size),
        "images": config.data.batch_size,
        "precision": config.trainer.precision,
        "MiB": {name: round(value) for name, value in found.items()},
        "MiB counted": {name: round(value) for name, value in counted.items()},
        "over without experts": over,
        "activation checkpointing over none": round(found[CHECKPOINTED] / found[FEW], 3),
        "ratio": over[MANY],
    }


def measured(overrides: Sequence[str]) -> float:
    """MiB that the steps of a config take, measured in a new process."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(list(overrides), its))
    process.start()
    its.close()
    found: float = ours.recv()
    process.join()
    return found


def _measure(overrides: list[str], connection: Connection) -> None:
    step = run_once(TrainingStep, overrides)
    on_gpu = step.image_BCHW.device.type == "cuda"
    before = 0.0 if on_gpu else megabytes_of(os.getpid(), "VmRSS")
    for _ in range(STEPS):
        step.run_once()
    at_most = torch.cuda.max_memory_allocated() / 2**20 if on_gpu else 0.0
    connection.send(at_most if on_gpu else megabytes_of(os.getpid(), "VmHWM") - before)


def _count(on_gpu: bool, config: DictConfig) -> float:
    count = parameter_count(config)
    held = BYTES_OF_TRAINED * count.trainable + (BYTES_OF_WEIGHT * count.total if on_gpu else 0)
    return (look_at_forward(config, fused=on_gpu).saved + held) / 2**20


def _counts(setting: str) -> list[str]:
    counts = {**counts_of(setting), "granularity": 1}
    return [f"model.adapter.{name}={count}" for name, count in counts.items()]
