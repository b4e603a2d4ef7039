"""The CSV log of the routers.

Legend: T tasks, E experts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_only

from mtl_ase.base.bounds import Positive
from mtl_ase.base.csv_rows import Rows
from mtl_ase.base.run_files import RunFiles
from mtl_ase.model import Routing
from mtl_ase.training.module import MultiTaskModule
from mtl_ase.training.router_health import health_of, logged_values
from mtl_ase.training.routing_callback import RoutingCallback
from mtl_ase.training.step_rows import StepRows

COLUMNS = ("step", "layer", "site", "task", "expert", "gate", "share", "probability")


class RouterLog(RoutingCallback):
    """Writes `router.csv`: gate weight, share of tokens, probability by router, task and expert.

    The token share of an expert is the share of tokens with a non-zero gate weight; it is 1 for
    shared experts, whose gate weight tells how much they are used (arXiv 2510.00570, Fig. 4). The
    probability is the softmax over the logits of the experts that compete; of others, such as
    shared ones, it is empty.
    Values are means over a single batch, the last of a logged step; a run's last step is logged
    too. A resumed run drops the rows that were written after its checkpoint.

    What they say of the routers' health goes to all loggers, as `router/...`.

    Args:
        folder: the run folder.
        every_n_steps: optimiser steps between rows; before the first of these, also the first step
            and ten times as many, since routers settle early.

    Attributes:
        last: routing of the last batch, if it is not yet logged.
        saved: statistics of the last batch before the checkpoint that a run resumes from.
        written: step of the last rows.
    """

    def __init__(self, folder: str | Path, every_n_steps: Positive = 100) -> None:
        self.rows = StepRows(RunFiles(Path(folder)).router_log, COLUMNS)
        self.every_n_steps = every_n_steps
        self.last: Sequence[Routing] = []
        self.saved: list[dict[str, Any]] = []
        self.written = 0

    def state_dict(self) -> dict[str, Any]:
        """The step of the last rows, and the statistics of the last batch, if not yet logged."""
        return {"written": self.written, "last": self._known()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the statistics of the checkpoint."""
        self.written, self.saved = state_dict["written"], state_dict["last"]

    @rank_zero_only
    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Drop rows that were written after the checkpoint, even if no step is left to train."""
        self.rows.drop_after(self.written)

    def on_routing(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, routing: Sequence[Routing]
    ) -> None:
        """Write rows if the step is one to log."""
        self.last, self.saved = routing, []
        step = trainer.global_step  # unchanged while gradients are accumulated
        if self._is_logged(step) and step > self.written:
            rows = self._write(step, pl_module)
            values = logged_values(health_of(rows)[0])
            for logger in trainer.loggers:
                logger.log_metrics(values, step=step - 1)

    def _is_logged(self, step: int) -> bool:
        early = max(1, self.every_n_steps // 10)
        period = early if step < self.every_n_steps else self.every_n_steps
        return step == 1 or step % period == 0

    @rank_zero_only
    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write rows for the last step, also those of a run stopped after it."""
        if (self.last or self.saved) and trainer.global_step > self.written:
            self._write(trainer.global_step, pl_module)

    def _write(self, step: int, pl_module: pl.LightningModule) -> Rows:
        """Write the rows of a step; what was written."""
        tasks = list(cast(MultiTaskModule, pl_module).tasks)
        rows = [row for router in self._known() for row in _rows(step, router, tasks)]
        self.rows.append(rows)
        self.last, self.saved, self.written = [], [], step
        return [dict(zip(COLUMNS, map(str, row), strict=True)) for row in rows]

    def _known(self) -> list[dict[str, Any]]:
        return statistics(self.last) or self.saved


def _rows(step: int, router: dict[str, Any], tasks: Sequence[str]) -> Iterator[Sequence[object]]:
    for number, task in enumerate(tasks):
        row = number % len(router["gate"])  # a router may be the same for all tasks
        columns = (router[key][row] for key in ("gate", "share", "probability"))
        triples = zip_longest(*columns)
        for expert, triple in enumerate(triples):
            values = ("" if value is None else f"{value:.6f}" for value in triple)
            yield (step, router["layer"], router["site"], task, expert, *values)


def statistics(routing: Sequence[Routing]) -> list[dict[str, Any]]:
    """Gate weights, token shares and probabilities of every router, by task and expert."""
    return [
        {
            "layer": router.layer,
            "site": router.site,
            "gate": router.gate_TE().tolist(),
            "share": router.load_TE().tolist(),
            "probability": router.prob_TE().tolist(),
        }
        for router in routing
    ]
