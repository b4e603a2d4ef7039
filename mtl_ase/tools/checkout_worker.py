"""Run as a script in the environment of a checkout: makes a training step for each line it reads.

It uses only what checkouts of all ages have, and answers on lines that begin with MARK.
"""

from __future__ import annotations

import sys
from unittest import mock

import torch
from omegaconf import DictConfig

from mtl_ase.config import run_once
from mtl_ase.tools.benchmarks.training_step import TrainingStep

MARK, WARM_UP = "checkout_worker:", 2


def made(config: DictConfig) -> tuple[TrainingStep, str]:
    """The step of a config, and the precision that a training would take."""
    return TrainingStep(config), config.trainer.precision


def work(overrides: list[str]) -> None:
    """Make steps in the checkout's own precision; those of early checkouts are in 32 bits."""
    step, precision = run_once(made, overrides)
    device, bf16 = step.image_BCHW.device.type, precision == "bf16-mixed"
    forward = torch.autocast(device, torch.bfloat16, enabled=bf16)(step.network.forward)
    with mock.patch.object(step.network, "forward", forward):
        for _ in range(WARM_UP):
            step.run(step.module.balance)
        print(MARK, precision, flush=True)
        for _ in sys.stdin:
            step.run(step.module.balance)
            print(MARK, "done", flush=True)


if __name__ == "__main__":
    work(sys.argv[1:])
