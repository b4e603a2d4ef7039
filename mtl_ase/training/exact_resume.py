"""Resuming so that nobody could tell: random numbers from counters, loops between two batches."""

from __future__ import annotations

import math
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch


def seed_everything_at(seed: int, batch: int, rank: int) -> None:
    """Seed torch on all devices from (seed, batch, rank), independent streams for each."""
    state = np.random.SeedSequence((seed, batch, rank)).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0] >> np.uint64(1)))


def training_steps(trainer: pl.Trainer) -> int:
    """Optimiser steps of the whole training.

    Lightning's own estimate starts the loader before a checkpoint is read, so that a resumed
    training would begin its epoch anew (Lightning #20550).
    """
    datamodule = getattr(trainer, "datamodule", None)
    if datamodule is None:
        return int(trainer.estimated_stepping_batches)
    batches, limit = datamodule.batches_per_epoch, trainer.limit_train_batches
    batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    steps: float = math.inf
    if trainer.max_epochs is not None and trainer.max_epochs >= 0:
        steps = math.ceil(batches / trainer.accumulate_grad_batches) * trainer.max_epochs
    if trainer.max_steps >= 0:
        steps = min(steps, trainer.max_steps)
    return max(1, int(steps))


def between_batches(checkpoint: dict[str, Any]) -> None:
    """Rewrite the state of Lightning's loops in a checkpoint as that between two batches.

    Lightning saves its progress in the middle of hooks and, when it is resumed, guesses from
    half-raised counters what was done: an epoch's validation may be repeated or left out, and an
    epoch that `max_steps` ended counts as done. Here everything follows from how many batches are
    done.
    """
    state = next((part for name, part in checkpoint.items() if name.endswith("DataModule")), None)
    loops = checkpoint.get("loops", {}).get("fit_loop")
    if state is None or loops is None or not state["batches_per_epoch"]:
        return
    epoch, batch = divmod(state["batches"], state["batches_per_epoch"])
    _set(loops["epoch_progress"], epoch, epoch)
    if batch:  # the epoch has begun
        for part in ("total", "current"):
            loops["epoch_progress"][part] |= {"ready": epoch + 1, "started": epoch + 1}
    progress = loops["epoch_loop.batch_progress"]
    _set(progress, state["batches"], batch)
    progress["is_last_batch"] = False
    loops["epoch_loop.state_dict"]["_batches_that_stepped"] = checkpoint["global_step"]


def _set(progress: dict[str, Any], total: int, current: int) -> None:
    for part, value in (("total", total), ("current", current)):
        progress[part] = dict.fromkeys(progress[part], value)
