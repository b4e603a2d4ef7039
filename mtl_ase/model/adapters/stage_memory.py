"""What an adapter keeps of the stages of a continual training. T tasks, B images, L tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from torch import Tensor, nn


class StageMemory(nn.Module, ABC):
    """What an adapter knows of the inputs of earlier stages, and what that changes in later ones.

    `Adapter.begin_stages` makes it, if tasks are learned one after another (`data.stages`). What it
    knows stands in buffers, which checkpoints contain. The training module calls it: `observe` in a
    pass of the encoder of its own, without gradients; `shape_gradients` when the gradients of a
    step are complete; `end_stage` after the last step of a stage.

    Args:
        every_n_steps: optimiser steps of a stage between two calls of `observe`; the first is
            before the stage's first step.
    """

    def __init__(self, every_n_steps: int) -> None:
        super().__init__()
        self.every_n_steps = every_n_steps

    @abstractmethod
    def observe(self, x_TBLD: Tensor, rows: Sequence[int], later: bool) -> None:
        """Look at the adapter's inputs in a batch.

        Args:
            x_TBLD: the inputs.
            rows: places on the task axis of the tasks that are learned in this stage.
            later: whether a stage is completed already.
        """

    @abstractmethod
    def shape_gradients(self) -> None:
        """Change the gradients of the adapter's parameters in place; not in the first stage."""

    @abstractmethod
    def kept(self, rows: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Weights, and a mask that is True where a step must leave them as they are."""

    @abstractmethod
    def end_stage(self) -> None:
        """Count what was observed in the stage as past."""
