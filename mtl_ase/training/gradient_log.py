"""The CSV log of how much the tasks' gradients agree. Legend: T, S tasks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from mtl_ase.base.bounds import Positive
from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.data import Batch
from mtl_ase.training.exact_resume import seed_everything_at
from mtl_ase.training.module import MultiTaskModule
from mtl_ase.training.step_rows import StepRows
from mtl_ase.training.task_gradients import TaskGradients

COLUMNS = ("step", "layer", "task", "other", "cosine", "task_norm", "other_norm")
WHOLE = "all"
"""In the column of layers: everything that the tasks share."""


class GradientLog(pl.Callback):
    """Writes `gradients.csv`: the cosine of every two tasks' gradients, by layer and in all.

    Before a step it takes the gradients of the tasks' weighted losses, without regularisers, on the
    step's batch (the first, with accumulation) with the same dropout and noise. It costs a forward
    and a backward pass and changes nothing in the training. Tasks without labels in the batch are
    left out. A resumed run drops the rows that were written after its checkpoint.

    Args:
        folder: the run folder.
        every_n_steps: optimiser steps between rows; the first are those of step 0.

    Attributes:
        written: step of the last rows.
    """

    def __init__(self, folder: str | Path, every_n_steps: Positive = 50) -> None:
        self.rows = StepRows(RunFiles(Path(folder)).gradient_log, COLUMNS)
        self.every_n_steps = every_n_steps
        self.written = -1

    def state_dict(self) -> dict[str, Any]:
        """The step of the last rows."""
        return {"written": self.written}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the step of the last rows."""
        self.written = state_dict["written"]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Drop rows that were written after the checkpoint.

        Raises:
            UserError: the tasks train nothing that they share.
        """
        if not cast(MultiTaskModule, pl_module).gradients.shared:
            raise UserError(
                "callbacks.gradients compares the gradients of what all tasks share, but nothing "
                "that is trained is shared here; leave it out with callbacks.gradients=null."
            )
        if trainer.is_global_zero:
            self.rows.drop_after(self.written)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Write rows every `every_n_steps` steps."""
        step = trainer.global_step  # unchanged while gradients are accumulated
        if step % self.every_n_steps or step <= self.written:
            return
        module = cast(MultiTaskModule, pl_module)
        gramians = self._gramians(trainer, module, batch)
        if trainer.is_global_zero:
            self.rows.append(_rows(step, gramians, list(module.tasks)))
        self.written = step

    def _gramians(
        self, trainer: pl.Trainer, module: MultiTaskModule, batch: Batch
    ) -> dict[str, Tensor]:
        """The products of the tasks' gradients, (T, T), by layer and in all."""
        stage, network = module.stage, module.network
        gradients = TaskGradients(network, list(module.tasks), in_passes=not module.plan.several)
        seed_everything_at(module.seed, trainer.fit_loop.total_batch_idx, module.global_rank)
        views = gradients.begin()
        with _same_buffers(network):
            with trainer.precision_plugin.train_step_context():
                logits, _ = network(batch.image_BCHW, views)
                losses_T = module.balance.weighted(module.stage_losses(logits, batch, stage))
            gradients.add_losses(losses_T, stage.rows)
            if views:
                losses_T.sum().backward(inputs=list(views.values()))
        by_layer = gradients.gramians()
        return {WHOLE: torch.stack(list(by_layer.values())).sum(0), **by_layer}


@contextmanager
def _same_buffers(network: nn.Module) -> Iterator[None]:
    """Leave the statistics of batch norms as they are."""
    before = [buffer.clone() for buffer in network.buffers()]
    yield
    for buffer, value in zip(network.buffers(), before, strict=True):
        buffer.copy_(value)


def _rows(
    step: int, gramians: dict[str, Tensor], tasks: Sequence[str]
) -> Iterator[Sequence[object]]:
    for layer, gramian_TS in gramians.items():
        norms = gramian_TS.diagonal().sqrt().tolist()
        for row, other in combinations(range(len(tasks)), 2):
            lengths = norms[row] * norms[other]
            if 0 < lengths < math.inf:
                cosine = float(gramian_TS[row, other]) / lengths
                names = (tasks[row], tasks[other])
                values = (cosine, norms[row], norms[other])
                yield (step, layer, *names, *(f"{value:.6g}" for value in values))
