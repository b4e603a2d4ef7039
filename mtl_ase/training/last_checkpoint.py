"""The checkpoint that a run goes on from, written between steps; signals end a run after a step."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(SystemExit):
    """A signal ended the run after its state was saved; the exit code is 128 + the signal."""


class LastCheckpoint(Checkpoint):
    """Saves every so many steps, at the end of every epoch, and when SIGTERM or SIGINT arrives.

    It saves only where nothing is half done: between an optimiser step, when it is logged, and the
    next one, or after an epoch with its validation; logs are written before. On a signal it saves
    after the current step and ends the run with exit code 143 or 130; during a validation it ends
    at once, and the run goes on from the last checkpoint before it.

    Args:
        path: of the checkpoint.
        every_n_steps: optimiser steps between two savings.
    """

    def __init__(self, path: str, every_n_steps: int = 100) -> None:
        self.path = Path(path)
        self.every_n_steps = every_n_steps
        self.received: int | None = None
        self.saved_step = -1
        self.before: dict[int, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen for signals."""
        self.saved_step = trainer.global_step
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self._receive) for number in SIGNALS}

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Save the step before, if it is time: by now it is logged too."""
        done = trainer.fit_loop.epoch_loop.batch_progress.current.completed
        if done == 0 or done % trainer.accumulate_grad_batches:
            return
        step, told = trainer.global_step, self._is_told(trainer)
        if told or (step % self.every_n_steps == 0 and step != self.saved_step):
            self._save(trainer)
        self._stop_if_told(told)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the epoch."""
        self._save(trainer)
        self._stop_if_told(self._is_told(trainer))

    def on_validation_batch_start(self, trainer: pl.Trainer, *_: Any, **__: Any) -> None:
        """End at once if told to: the state in the middle of a validation is not saved."""
        self._stop_if_told(self._is_told(trainer))

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Leave signals as they were."""
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

    def _save(self, trainer: pl.Trainer) -> None:
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(self.path)
        self.saved_step = trainer.global_step

    def _receive(self, number: int, _: FrameType | None) -> None:
        self.received = number

    def _is_told(self, trainer: pl.Trainer) -> bool:
        """Whether any process has received a signal."""
        told = self.received is not None
        if trainer.world_size > 1:
            return bool(trainer.strategy.reduce_boolean_decision(told, all=False))
        return told

    def _stop_if_told(self, told: bool) -> None:
        if told:
            raise Stopped(128 + (self.received or signal.SIGTERM))
