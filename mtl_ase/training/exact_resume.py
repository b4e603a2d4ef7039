"""Bit-exact resuming: seeds from batch counters, and loop states between two batches."""

from __future__ import annotations

import math
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch.optim.lr_scheduler import LambdaLR

from mtl_ase.base.errors import UserError
from mtl_ase.base.seeds import seed_from
from mtl_ase.data import DataModule
from mtl_ase.training.csv_log import CSVLog

PROGRESS = "data_progress"
"""Checkpoint key of the number of completed batches, for data modules of any class."""


def seed_everything_at(seed: int, batch: int, rank: int) -> None:
    """Seed torch on all devices from (seed, batch, rank), an independent stream for each."""
    torch.manual_seed(seed_from(seed, batch, rank))


def training_steps(trainer: pl.Trainer) -> int:
    """Number of optimiser steps of the whole training.

    Lightning's own estimate starts the loader before a checkpoint is read, so that a resumed
    training would restart its epoch (Lightning #20550).

    Raises:
        UserError: neither `trainer.max_epochs` nor `trainer.max_steps` limits the training.
    """
    datamodule = getattr(trainer, "datamodule", None)
    if datamodule is None:
        return int(trainer.estimated_stepping_batches)
    steps: float = math.inf
    if trainer.max_epochs is not None and trainer.max_epochs >= 0:
        steps_per_epoch = math.ceil(datamodule.batches_per_epoch / trainer.accumulate_grad_batches)
        steps = steps_per_epoch * trainer.max_epochs
    if trainer.max_steps >= 0:
        steps = min(steps, trainer.max_steps)
    if steps == math.inf:
        raise UserError(
            "trainer.max_epochs=-1 trains without an end, but the schedule needs one; give "
            "trainer.max_epochs or trainer.max_steps."
        )
    return max(1, int(steps))


class ExactResume(pl.Callback):
    """Resumes training at the first batch after the checkpoint, with a `DataModule`.

    `MultiTaskModule` always adds it, through `configure_callbacks`.
    """

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Store the number of completed batches."""
        datamodule = getattr(trainer, "datamodule", None)
        if isinstance(datamodule, DataModule):
            checkpoint[PROGRESS] = datamodule.progress()

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Set the data module and the loop states to continue after the completed batches.

        Raises:
            UserError: the checkpoint lacks their number, the number of batches per epoch has
                changed, or the configured end of training is before the checkpoint.
        """
        datamodule = getattr(trainer, "datamodule", None)
        if trainer.state.fn != TrainerFn.FITTING or not isinstance(datamodule, DataModule):
            return
        progress = _progress_in(checkpoint, datamodule)
        datamodule.go_on(progress)
        between_batches(checkpoint, progress)
        _check_end(trainer, progress, checkpoint["global_step"])

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Apply the configured schedule, and cut CSV logs, at the resumed step."""
        _uncount_extra_step(trainer)
        for config in trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, LambdaLR):
                _follow(config.scheduler)
        for logger in trainer.loggers:
            if isinstance(logger, CSVLog):
                logger.cut(trainer.global_step)


def between_batches(checkpoint: dict[str, Any], progress: dict[str, int]) -> None:
    """Rewrite the state of Lightning's loops in a checkpoint to that between two batches.

    Lightning saves its progress in the middle of hooks and, on resuming, infers from partly
    incremented counters what was completed: an epoch's validation may be repeated or skipped, and
    an epoch cut short by `max_steps` counts as completed. Here all counters are derived from the
    number of completed batches.

    Args:
        checkpoint: checkpoint as saved by Lightning; changed in place.
        progress: `batches` completed in total, and `batches_per_epoch`.
    """
    loops = checkpoint.get("loops", {}).get("fit_loop")
    if loops is None or not progress["batches_per_epoch"]:
        return
    epoch, batch = divmod(progress["batches"], progress["batches_per_epoch"])
    _set(loops["epoch_progress"], epoch, epoch)
    if batch:  # the epoch has begun
        for part in ("total", "current"):
            loops["epoch_progress"][part] |= {"ready": epoch + 1, "started": epoch + 1}
    batches = loops["epoch_loop.batch_progress"]
    _set(batches, progress["batches"], batch)
    batches["is_last_batch"] = False
    loops["epoch_loop.state_dict"]["_batches_that_stepped"] = checkpoint["global_step"]


def count_last_epoch(trainer: pl.Trainer) -> None:
    """Count an epoch cut short by `max_steps` as completed, as Lightning does at its end.

    When resumed at that last step, Lightning has nothing to train and counts one epoch less.
    """
    loop = trainer.fit_loop
    if loop.max_batches in (0, math.inf):
        return
    batches = loop.epoch_loop.batch_progress.total.completed
    loop.epoch_progress.current.completed = math.ceil(batches / loop.max_batches)


def _progress_in(checkpoint: dict[str, Any], datamodule: DataModule) -> dict[str, int]:
    """The progress in a checkpoint; older ones have it under their data module's class name."""
    for key in (PROGRESS, type(datamodule).__qualname__, DataModule.__qualname__):
        if key in checkpoint:
            progress: dict[str, int] = checkpoint[key]
            return progress
    raise UserError(
        "the checkpoint does not say how many training batches are done, so that it can't be "
        "continued exactly; start anew, e.g. with its weights as model.encoder.weights."
    )


def _check_end(trainer: pl.Trainer, progress: dict[str, int], step: int) -> None:
    epochs = progress["batches"] // max(1, progress["batches_per_epoch"])
    ends = (("max_epochs", trainer.max_epochs, epochs), ("max_steps", trainer.max_steps, step))
    for key, end, done in ends:
        if end is not None and 0 <= end < done:
            raise UserError(
                f"trainer.{key}={end}, but the checkpoint has {done} done already; give at least "
                "that many, or start anew with another run_dir."
            )


def _uncount_extra_step(trainer: pl.Trainer) -> None:
    """Decrement Lightning's counter of logged steps if it will be incremented without a step.

    Resumed directly after a validation, or with `max_steps` at the start of an epoch, Lightning's
    loop does one iteration without a batch, to avoid validating again, and counts it as a logged
    step: all later log rows would be off by one step.
    """
    loop, fetcher = trainer.fit_loop.epoch_loop, trainer.fit_loop._data_fetcher
    assert fetcher is not None
    idle = loop.restarting and loop.restarted_on_last and loop._should_check_val_fx(fetcher)
    if idle and not loop._should_accumulate():
        loop._batches_that_stepped -= 1


def _follow(scheduler: LambdaLR) -> None:
    """Recompute the learning rate of the next step, since `max_steps` may have changed."""
    parts = zip(
        scheduler.optimizer.param_groups, scheduler.base_lrs, scheduler.lr_lambdas, strict=True
    )
    for group, base, factor in parts:
        group["lr"] = base * factor(scheduler.last_epoch)


def _set(progress: dict[str, Any], total: int, current: int) -> None:
    for part, value in (("total", total), ("current", current)):
        progress[part] = dict.fromkeys(progress[part], value)
