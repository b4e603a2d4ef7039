"""Checks of a run's settings before anything costly begins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import lightning.pytorch as pl
from omegaconf import DictConfig, OmegaConf

from mtl_ase.base.bounds import Bounds, Count, Positive, Seed, Weight
from mtl_ase.base.errors import UserError
from mtl_ase.config import check_value
from mtl_ase.data import DataModule
from mtl_ase.data.labels.label import IGNORE, ClassMap
from mtl_ase.machine.cores import usable_cores
from mtl_ase.tasks import Task

SETTINGS: Mapping[str, Any] = {
    "experiment_name": str | int | float,
    "run_dir": str,
    "resume": str,
    "seed": Seed,
    "checkpoint.full": bool,
    "report.num_sheets": Count,
    "report.page": bool,
    "report.trivial": bool,
    "trainer.accumulate_grad_batches": Positive,
    "trainer.check_val_every_n_epoch": Positive | None,
    "trainer.gradient_clip_val": Weight | None,
    "trainer.log_every_n_steps": Count | None,
    "trainer.num_sanity_val_steps": Annotated[int, Bounds(-1)] | None,
}
"""Types of values that are no arguments of our constructors, and of those trainer arguments that
Lightning accepts unchecked and fails on later."""

LOGGED = ("train/", "lr-")
"""Prefixes of the names of metrics that are logged during training."""


def check_settings(config: DictConfig) -> None:
    """Reject values that would fail late, some only at the end of a training.

    Raises:
        UserError: names the first invalid value.
    """
    content = OmegaConf.masked_copy(config, [key.partition(".")[0] for key in SETTINGS])
    missing = object()
    for key, hint in SETTINGS.items():
        value = OmegaConf.select(content, key, default=missing)
        if value is not missing:
            check_value(hint, value, key)
    if not str(config.run_dir).strip():
        raise UserError("run_dir= names no folder; give run_dir=FOLDER, or leave it out.")


def check_monitors(trainer: pl.Trainer, tasks: Mapping[str, Task]) -> None:
    """Reject callbacks whose `monitor` is never logged, which would fail only after an epoch.

    Raises:
        UserError: names the monitor and the metrics that are logged.
    """
    keys = ["loss", "delta_m", *(key for task in tasks.values() for key in task.measured())]
    known = [f"val/{key}" for key in keys]
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        watched = getattr(callback, "monitor", None)
        if watched is not None and watched not in known and not watched.startswith(LOGGED):
            raise UserError(
                f"monitor={watched} of {type(callback).__name__} is never logged; choose one of "
                f"{', '.join(known)}."
            )


def check_trainer(trainer: pl.Trainer) -> None:
    """Reject a trainer with nothing to do, or with more processes than the machine can run.

    Raises:
        UserError: names the setting.
    """
    if not trainer.limit_train_batches:
        raise UserError(
            "trainer.limit_train_batches=0 leaves nothing to train on; choose 1 or more, or score "
            "a run with evaluate.py."
        )
    if trainer.val_check_batch == 0 or trainer.val_check_interval == 0:
        raise UserError(
            "trainer.val_check_interval=0 is no interval; choose 1 batch or more, or a share of "
            "an epoch."
        )
    on_cpu, most = trainer.strategy.root_device.type == "cpu", max(2, usable_cores())
    if on_cpu and trainer.num_devices > most:
        raise UserError(
            f"trainer.devices={trainer.num_devices} asks for so many processes on a CPU, but there "
            f"is room for {most}; choose fewer."
        )


def check_validation(trainer: pl.Trainer, data: DataModule) -> None:
    """Reject a `limit_val_batches` below one batch; Lightning would only after an epoch.

    Raises:
        UserError: the limit leaves no batch.
    """
    share = trainer.limit_val_batches
    if not isinstance(share, float) or share in (0.0, 1.0):
        return
    images = len(data.dataset("val", training=False))
    batches = math.ceil(images / (data.batch_size * trainer.world_size))
    if batches * share < 1:
        raise UserError(
            f"trainer.limit_val_batches={share} of {batches} batches is none; choose 0 for none, "
            "or more."
        )


def check_classes(tasks: Mapping[str, Task], data: DataModule) -> None:
    """Reject a task with fewer channels than its labels have classes.

    On a GPU, the loss would otherwise fail with an obscure device-side assertion.

    Raises:
        UserError: names the task.
    """
    for name, task in tasks.items():
        label = data.labels[name]
        if not isinstance(label, ClassMap) or label.num_classes in (2, IGNORE):
            continue  # a binary task has a single channel
        if task.channels < label.num_classes:
            raise UserError(
                f"tasks.{name}.channels={task.channels}, but the labels of {data.name} have "
                f"{label.num_classes} classes; set it, and num_classes of its metrics, to "
                f"{label.num_classes}."
            )
