"""The log of what the routers do.

Legend: N layers, T tasks, E experts.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor, nn

from mtl_ase.base.atomic_files import write_atomically
from mtl_ase.training.routing_callback import RoutingCallback

COLUMNS = ("step", "layer", "task", "expert", "gate", "share")


class RouterLog(RoutingCallback):
    """Writes `router.csv`: mean gate weight and share of tokens per layer, task and expert.

    Shares of tokens of an always active shared expert are 1; its gate weight tells how much it is
    used (arXiv 2510.00570, Fig. 4). Rows are means over the steps since the last ones. A resumed
    run goes on where its checkpoint stands: later rows are dropped.

    Args:
        folder: where `router.csv` lies.
        every_n_steps: steps between rows.
    """

    def __init__(self, folder: str, every_n_steps: int = 100) -> None:
        self.path = Path(folder) / "router.csv"
        self.every_n_steps = every_n_steps
        self.sums_2NTE: Tensor | None = None
        self.count = 0
        self.written = 0

    def state_dict(self) -> dict[str, Any]:
        """The sums since the last rows, and the step of these."""
        return {"sums": self.sums_2NTE, "count": self.count, "written": self.written}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with them."""
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
        whole = [row for row in rows if row.endswith("\n")]  # a kill may have cut the last one
        kept = [row for row in whole if int(row.split(",", 1)[0]) <= self.written]
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
        """Add a step's routing; write when it is time."""
        self.sums_2NTE = stats_2NTE if self.sums_2NTE is None else self.sums_2NTE + stats_2NTE
        self.count += 1
        step = trainer.global_step  # stands still while gradients of several batches are summed
        if step % self.every_n_steps == 0 and step > self.written:
            self._write(step, task_names(pl_module))

    @rank_zero_only
    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what is left; a run that was stopped after its last step does it when resumed."""
        if self.count:
            self._write(trainer.global_step, task_names(pl_module))

    def _write(self, step: int, tasks: Sequence[str]) -> None:
        assert self.sums_2NTE is not None
        gate_NTE, load_NTE = (self.sums_2NTE / self.count).tolist()
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(COLUMNS)
            for layer, (gate_TE, load_TE) in enumerate(zip(gate_NTE, load_NTE, strict=True)):
                for task, gate_E, load_E in zip(tasks, gate_TE, load_TE, strict=True):
                    for expert, (gate, share) in enumerate(zip(gate_E, load_E, strict=True)):
                        values = (f"{gate:.6f}", f"{share:.6f}")
                        writer.writerow((step, layer, task, expert, *values))
        self.sums_2NTE, self.count, self.written = None, 0, step


def task_names(pl_module: pl.LightningModule) -> list[str]:
    """The tasks in the order of the task axis."""
    return list(cast(nn.ModuleDict, pl_module.losses))
