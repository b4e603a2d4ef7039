"""Fits the module, from scratch or a checkpoint, and writes final scores and checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ModelCheckpoint

from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.commands.stage_scores import StageCheckpoints
from mtl_ase.data import DataModule
from mtl_ase.training import LastCheckpoint, MultiTaskModule
from mtl_ase.training.checkpoint_files import copy_checkpoint
from mtl_ase.training.exact_resume import count_last_epoch


class Done(pl.Callback):
    """Records what decides whether the final weights still need saving and validating.

    Attributes:
        steps: whether this process has started training, as opposed to having no step left.
        validated_step: the optimiser step of the last validation, or -1; saved in checkpoints.
    """

    def __init__(self) -> None:
        self.steps = False
        self.validated_step = -1

    def state_dict(self) -> dict[str, Any]:
        """The step of the last validation."""
        return {"validated_step": self.validated_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the step of the last validation."""
        self.validated_step = state_dict["validated_step"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record that there are steps to train."""
        self.steps = True

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record the validated step, before checkpoints are written."""
        if not trainer.sanity_checking:
            self.validated_step = trainer.global_step


def fit(
    trainer: pl.Trainer,
    module: MultiTaskModule,
    data: DataModule,
    folder: RunFolder,
    checkpoint: Path | None,
) -> None:
    """Train, validate the final weights, and keep the best and the last checkpoint.

    Args:
        trainer: the configured trainer.
        module: the module to train; afterwards `module.results` are the final scores.
        data: data module for training and validation.
        folder: run folder for the checkpoints.
        checkpoint: checkpoint to resume from, or None.
    """
    done = Done()
    first = [done, StageCheckpoints(module, folder)] if module.plan.several else [done]
    trainer.callbacks[:0] = first  # type: ignore[attr-defined]
    trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    count_last_epoch(trainer)
    if done.steps or checkpoint is None:
        _save_last(trainer, folder)
    elif checkpoint != folder.last and trainer.is_global_zero:
        copy_checkpoint(checkpoint, folder.last)
    _validate(trainer, module, data, done)
    module.to(trainer.strategy.root_device)
    if trainer.is_global_zero:
        _keep_best(trainer, folder)


def _save_last(trainer: pl.Trainer, folder: RunFolder) -> None:
    """Save the final state, unless `LastCheckpoint` already has.

    Its checkpoint can be resumed, while here EMA has already replaced the weights by the averages.
    """
    saved = any(
        isinstance(callback, LastCheckpoint)
        and callback.path == folder.last
        and callback.saved_step == trainer.global_step
        for callback in trainer.checkpoint_callbacks
    )
    if not saved:
        trainer.save_checkpoint(folder.last)


def _validate(trainer: pl.Trainer, module: MultiTaskModule, data: DataModule, done: Done) -> None:
    """Validate the final weights, unless the last validation has; log the scores only once.

    A run that was stopped between its last validation and DONE validates again, since checkpoints
    contain no scores, but does not log again.
    """
    logged = done.validated_step == trainer.global_step
    if logged and done.steps:
        return
    loggers = trainer.loggers
    if logged:
        trainer.loggers = []
    trainer.validate(module, datamodule=data, verbose=False)
    trainer.loggers = loggers


def _keep_best(trainer: pl.Trainer, folder: RunFolder) -> None:
    """Copy the last checkpoint to the best one if its val/loss is lower, or there is none."""
    final = trainer.callback_metrics.get("val/loss")  # None: there was nothing to validate on
    scores = [
        callback.best_model_score
        for callback in trainer.checkpoint_callbacks
        if isinstance(callback, ModelCheckpoint) and callback.monitor == "val/loss"
    ]
    better = final is not None and any(score is None or final < score for score in scores)
    if better or not folder.best.is_file():
        copy_checkpoint(folder.last, folder.best)
