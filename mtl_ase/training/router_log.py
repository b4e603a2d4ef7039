"""The CSV log of the routers.

Legend: N layers, T tasks, E experts.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from mtl_ase.base.atomic_files import write_atomically
from mtl_ase.base.bounds import Positive
from mtl_ase.base.run_files import RunFiles
from mtl_ase.training.log_files import explained
from mtl_ase.training.module import MultiTaskModule
from mtl_ase.training.routing_callback import RoutingCallback

COLUMNS = ("step", "layer", "task", "expert", "gate", "share")


class RouterLog(RoutingCallback):
    """Writes `router.csv`: mean gate weight and share of tokens per layer, task and expert.

    The token share of an expert is the share of tokens with a non-zero gate weight; it is 1 for
    shared experts, whose gate weight tells how much they are used (arXiv 2510.00570, Fig. 4).
    Values are means over the steps since the last rows. A resumed run drops the rows that were
    written after its checkpoint.

    Args:
        folder: the run folder.
        every_n_steps: optimiser steps between rows.

    Attributes:
        sums_2NTE: gate weights and token shares, summed over the batches since the last rows.
        count: number of summed batches.
        written: step of the last rows.
    """

    def __init__(self, folder: str | Path, every_n_steps: Positive = 100) -> None:
        self.path = RunFiles(Path(folder)).router_log
        self.every_n_steps = every_n_steps
        self.sums_2NTE: Tensor | None = None
        self.count = 0
        self.written = 0

    def state_dict(self) -> dict[str, Any]:
        """The sums since the last rows, and the step of the last rows."""
        return {"sums": self.sums_2NTE, "count": self.count, "written": self.written}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the sums of the checkpoint."""
        self.sums_2NTE = state_dict["sums"]
        self.count, self.written = state_dict["count"], state_dict["written"]

    @rank_zero_only
    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Drop rows that were written after the checkpoint, even if no step is left to train."""
        if self.sums_2NTE is not None:
            self.sums_2NTE = self.sums_2NTE.to(pl_module.device)
        if not self.path.is_file():
            return
        head, *rows = self.path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
        complete = [row for row in rows if row.endswith("\n")]  # a kill may truncate the last one
        kept = [row for row in complete if int(row.split(",", 1)[0]) <= self.written]
        if kept:
            write_atomically(self.path, "".join([head, *kept]).encode())
        else:
            self.path.unlink()

    def on_routing(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        stats_2NTE: Tensor,
        batch_idx: int,
    ) -> None:
        """Add the routing of a batch; write rows every `every_n_steps` steps."""
        self.sums_2NTE = stats_2NTE if self.sums_2NTE is None else self.sums_2NTE + stats_2NTE
        self.count += 1
        step = trainer.global_step  # unchanged while gradients are accumulated
        if step % self.every_n_steps == 0 and step > self.written:
            self._write(step, list(cast(MultiTaskModule, pl_module).tasks))

    @rank_zero_only
    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write rows for the remaining steps, also those of a run stopped after its last step."""
        if self.count:
            self._write(trainer.global_step, list(cast(MultiTaskModule, pl_module).tasks))

    def _write(self, step: int, tasks: Sequence[str]) -> None:
        assert self.sums_2NTE is not None
        gate_NTE, load_NTE = (self.sums_2NTE / self.count).tolist()
        new = not self.path.exists()
        with explained(self.path), self.path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")  # a resumed run reads and keeps rows
            if new:
                writer.writerow(COLUMNS)
            for layer, (gate_TE, load_TE) in enumerate(zip(gate_NTE, load_NTE, strict=True)):
                for task, gate_E, load_E in zip(tasks, gate_TE, load_TE, strict=True):
                    for expert, (gate, share) in enumerate(zip(gate_E, load_E, strict=True)):
                        values = (f"{gate:.6f}", f"{share:.6f}")
                        writer.writerow((step, layer, task, expert, *values))
        self.sums_2NTE, self.count, self.written = None, 0, step
