"""Telling what `data.on_bad_sample=skip` passed over."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from rich.console import Console

from mtl_ase.data import Batch


class SkippedSamples(pl.Callback):
    """Prints, after every epoch and validation, the files that could not be read so far.

    Every file is printed once by the process that met it.
    """

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self._fresh: list[str] = []

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Note what a batch lacks."""
        self._note(batch)

    on_validation_batch_end = on_train_batch_end

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print what is new."""
        self._print()

    on_validation_epoch_end = on_train_epoch_end

    def _note(self, batch: Batch) -> None:
        for problem in batch.problems:
            if problem not in self.seen:
                self._fresh.append(problem)
            self.seen[problem] = self.seen.get(problem, 0) + 1

    def _print(self) -> None:
        if self._fresh:
            lines = [f"skipped {len(self._fresh)} files that can't be read:", *self._fresh]
            Console(stderr=True).print("\n  ".join(lines), markup=False, soft_wrap=True)
        self._fresh = []
