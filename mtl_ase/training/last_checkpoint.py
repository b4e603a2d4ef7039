"""The checkpoint that a run goes on from, written between steps; signals end a run after a step."""

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
    """Saves every so many steps, before validations, after epochs, and when a signal arrives.

    It saves only where nothing is half done: between an optimiser step, when it is logged, and the
    next one, or after an epoch with its validation; logs are written before. On SIGTERM, SIGINT,
    SIGHUP or SLURM's requeue signal, in any process, it saves after the current step and ends all
    processes with exit code 143, 130, 129 or 138, the last with the job put back into the queue. A
    validation can't be saved half done: a signal ends it at once, and the run goes on from the step
    before it.

    Args:
        path: of the checkpoint.
        every_n_steps: optimiser steps between two savings.
    """

    def __init__(self, path: str | Path, every_n_steps: Positive = 100) -> None:
        self.path = Path(path)
        self.every_n_steps = every_n_steps
        self.saved_step = -1
        self.shared_batches = 0

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Listen for signals from here on."""
        listen(trainer)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """What training starts from is saved."""
        self.saved_step = trainer.global_step

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Save the step before, if it is time: by now it is logged too."""
        done = trainer.fit_loop.epoch_loop.batch_progress.current.completed
        if done == 0 or done % trainer.accumulate_grad_batches:
            return
        step, number = trainer.global_step, listen(trainer).agreed()
        due = step % self.every_n_steps == 0 or is_validated_next(trainer, done)
        if number or (due and step != self.saved_step):
            self._save(trainer)
        self._stop_if_told(trainer, number)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the epoch."""
        self._save(trainer)
        self._stop_if_told(trainer, listen(trainer).agreed())

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Agree on how many batches every process has: some have one more."""
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
        """End at once if told to: the state in the middle of a validation is not saved."""
        if batch_idx < self.shared_batches:
            self._stop_if_told(trainer, listen(trainer).agreed())

    def _save(self, trainer: pl.Trainer) -> None:
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(self.path)
        self.saved_step = trainer.global_step

    def _stop_if_told(self, trainer: pl.Trainer, number: int) -> None:
        if not number:
            return
        if number == requeue_signal(trainer):
            requeue(trainer)
        # Lightning's launcher would take any other code for a crash and kill the first process.
        raise Stopped(0 if is_launched() else 128 + number)


def is_validated_next(trainer: pl.Trainer, done: int) -> bool:
    """Whether a validation follows the step at hand; so many batches of the epoch are done."""
    every, batches = trainer.check_val_every_n_epoch or 1, trainer.val_check_batch
    if not trainer.enable_validation or (trainer.current_epoch + 1) % every:
        return False
    if not isinstance(batches, int):  # validations by the clock
        return False
    if trainer.check_val_every_n_epoch is None:  # counted across epochs
        done = trainer.fit_loop.epoch_loop.batch_progress.total.completed
    return batches - done % batches <= trainer.accumulate_grad_batches
