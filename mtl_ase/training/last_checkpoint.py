"""The checkpoint to resume from, written between steps; signals stop a run after a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Checkpoint

from mtl_ase.base.bounds import Positive
from mtl_ase.launch.launched_ranks import is_launched
from mtl_ase.launch.slurm_requeue import requeue, requeue_signal
from mtl_ase.launch.stop_signals import listen


class Stopped(SystemExit):
    """A signal ended the run after its state was saved; the exit code is 128 + the signal."""


class LastCheckpoint(Checkpoint):
    """Saves every `every_n_steps`, before validations, after epochs, and when a signal arrives.

    It saves only between two optimiser steps, after the first one is logged, or after an epoch and
    its validation; logs are flushed first. On SIGTERM, SIGINT, SIGHUP or SLURM's requeue signal in
    any process, it saves after the current step, or the next one where several processes have to
    hear of it, and ends all processes with exit code 143, 130, 129 or 138; the last one also
    requeues the job. A signal during a validation ends it at once without saving, and the run
    resumes from the step before the validation.

    Args:
        path: path of the checkpoint.
        every_n_steps: number of optimiser steps between two saves.
    """

    def __init__(self, path: str | Path, every_n_steps: Positive = 100) -> None:
        self.path = Path(path)
        self.every_n_steps = every_n_steps
        self.saved_step = -1
        self.shared_batches = 0

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Install the signal handlers."""
        listen(trainer)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count the state that training starts from as saved."""
        self.saved_step = trainer.global_step

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Save the state after the previous step if due; here that step is already logged."""
        done = trainer.fit_loop.epoch_loop.batch_progress.current.completed
        if done == 0 or done % trainer.accumulate_grad_batches:
            return
        step, number = trainer.global_step, listen(trainer).agreed_at_last_look()
        due = step % self.every_n_steps == 0 or is_validated_next(trainer, done)
        if number or (due and step != self.saved_step):
            self._save(trainer)
        self._stop_on_signal(trainer, number)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save at the end of the epoch."""
        self._save(trainer)
        self._stop_on_signal(trainer, listen(trainer).agreed())

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Find the smallest number of batches over all processes: some have one more."""
        count = torch.tensor(int(sum(trainer.num_val_batches)), device=trainer.strategy.root_device)
        self.shared_batches = int(trainer.strategy.reduce(count, reduce_op="min"))

    def on_validation_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Exit at once on a signal, without saving in the middle of a validation."""
        if batch_idx < self.shared_batches:
            self._stop_on_signal(trainer, listen(trainer).agreed_at_last_look())

    def _save(self, trainer: pl.Trainer) -> None:
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(self.path)
        self.saved_step = trainer.global_step

    def _stop_on_signal(self, trainer: pl.Trainer, number: int) -> None:
        if not number:
            return
        if number == requeue_signal(trainer):
            requeue(trainer)
        # Lightning's launcher treats any other code as a crash and kills the main process.
        raise Stopped(0 if is_launched() else 128 + number)


def is_validated_next(trainer: pl.Trainer, done: int) -> bool:
    """Whether a validation follows the current step; `done` batches of the epoch are completed."""
    every, batches = trainer.check_val_every_n_epoch or 1, trainer.val_check_batch
    if not trainer.enable_validation or (trainer.current_epoch + 1) % every:
        return False
    if not isinstance(batches, int):  # a time interval
        return False
    if trainer.check_val_every_n_epoch is None:  # counted across epochs
        done = trainer.fit_loop.epoch_loop.batch_progress.total.completed
    return batches - done % batches <= trainer.accumulate_grad_batches
