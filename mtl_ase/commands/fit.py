"""From the first or the last saved step to the final scores and checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ModelCheckpoint

from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.data import DataModule
from mtl_ase.training import LastCheckpoint, MultiTaskModule
from mtl_ase.training.checkpoint_files import copy_checkpoint
from mtl_ase.training.exact_resume import count_last_epoch


class Done(pl.Callback):
    """What a training has done, as far as its end depends on it; checkpoints keep it.

    Attributes:
        steps: whether a step was trained by this process.
        validated_step: the optimiser step whose weights were validated last, or -1.
    """

    def __init__(self) -> None:
        self.steps = False
        self.validated_step = -1

    def state_dict(self) -> dict[str, Any]:
        """What was validated last."""
        return {"validated_step": self.validated_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with it."""
        self.validated_step = state_dict["validated_step"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """There are steps to train."""
        self.steps = True

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note which weights these are, before checkpoints are written."""
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
        trainer: as configured.
        module: that is trained; `module.results` are the final scores afterwards.
        data: that it is trained on.
        folder: where checkpoints lie.
        checkpoint: to go on from, or None.
    """
    done = Done()
    trainer.callbacks.insert(0, done)  # type: ignore[attr-defined]
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
    """Save the end of training, unless `LastCheckpoint` has: its weights can be trained on.

    At the end of training averages take the place of the weights.
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
    """Score the final weights, unless training has just done so; they are logged once.

    A run that was stopped after its last validation, before DONE, scores them again, for its
    scores are in no checkpoint, but has logged them already.
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
    """Make the last checkpoint the best one where validation says so, or none was kept."""
    final = trainer.callback_metrics.get("val/loss")  # None: there was nothing to validate on
    scores = [
        callback.best_model_score
        for callback in trainer.checkpoint_callbacks
        if isinstance(callback, ModelCheckpoint) and callback.monitor == "val/loss"
    ]
    better = final is not None and any(score is None or final < score for score in scores)
    if better or not folder.best.is_file():
        copy_checkpoint(folder.last, folder.best)
