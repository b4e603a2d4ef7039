"""The report of files that `data.on_bad_sample=skip` left out."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from rich.console import Console

from mtl_ase.data import Batch


class SkippedSamples(pl.Callback):
    """Prints unreadable files after every training epoch and validation.

    Every rank prints each of its unreadable files once.

    Attributes:
        seen: how often every error message has occurred.
    """

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self._unprinted: list[str] = []

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Collect the error messages of a batch."""
        self._collect(batch)

    on_validation_batch_end = on_train_batch_end

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the new error messages."""
        self._print()

    on_validation_epoch_end = on_train_epoch_end

    def _collect(self, batch: Batch) -> None:
        for problem in batch.problems:
            if problem not in self.seen:
                self._unprinted.append(problem)
            self.seen[problem] = self.seen.get(problem, 0) + 1

    def _print(self) -> None:
        if self._unprinted:
            lines = [f"skipped {len(self._unprinted)} files that can't be read:", *self._unprinted]
            Console(stderr=True).print("\n  ".join(lines), markup=False, soft_wrap=True)
        self._unprinted = []
