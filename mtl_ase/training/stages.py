"""The stages of a training: which tasks are learned at which step."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mtl_ase.base.errors import UserError

Stages = Sequence[Sequence[str]]
"""Tasks that are learned together, stage by stage."""


@dataclass(frozen=True)
class Stage:
    """A part of a training.

    Attributes:
        number: its place among the stages, from 0.
        tasks: the tasks that are learned, in the order of the task axis.
        rows: their places on the task axis.
        begin: first optimiser step.
        end: the step after the last one.
    """

    number: int
    tasks: tuple[str, ...]
    rows: tuple[int, ...]
    begin: int
    end: int


class StagePlan:
    """Equal consecutive parts of a training, one for every stage; without stages a single one.

    Everything follows from the number of the step, so that a resumed training needs no state of it.
    Stage k of K begins at step k * num_steps // K.

    Args:
        tasks: all tasks, in the order of the task axis.
        stages: as configured (`data.stages`); None: all tasks at once.
        num_steps: optimiser steps of the training; None: not known yet, one for every stage.

    Attributes:
        stages: the stages, in order.

    Raises:
        UserError: a task is in no stage, in two or unknown, a stage has none, or no step.
    """

    def __init__(
        self, tasks: Sequence[str], stages: Stages | None = None, num_steps: int | None = None
    ) -> None:
        parts = [list(tasks)] if stages is None else [list(stage) for stage in stages]
        _check(tasks, parts)
        self.num_steps = len(parts) if num_steps is None else num_steps
        if len(parts) > self.num_steps:
            raise UserError(
                f"data.stages has {len(parts)} stages, but the training has {self.num_steps} "
                "steps; give fewer stages, or more trainer.max_epochs or trainer.max_steps."
            )
        begins = [number * self.num_steps // len(parts) for number in range(len(parts) + 1)]
        rows = [tuple(row for row, task in enumerate(tasks) if task in part) for part in parts]
        self.stages = [
            Stage(number, tuple(tasks[row] for row in rows[number]), rows[number], begin, end)
            for number, (begin, end) in enumerate(pairwise(begins))
        ]

    @property
    def several(self) -> bool:
        """Whether tasks are learned one after another."""
        return len(self.stages) > 1

    def at(self, step: int) -> Stage:
        """The stage of an optimiser step, counted from 0; after the end the last one."""
        number = bisect_right([stage.begin for stage in self.stages], step) - 1
        return self.stages[number]

    def within(self, step: int) -> tuple[int, int]:
        """The step counted from the begin of its stage, and the number of the stage's steps."""
        stage = self.at(step)
        return step - stage.begin, stage.end - stage.begin


def _check(tasks: Sequence[str], parts: Sequence[Sequence[str]]) -> None:
    counts = Counter(task for part in parts for task in part)
    faults = [
        *(f"names {task!r}, which is no task here" for task in counts if task not in tasks),
        *(f"names {task!r} twice" for task, count in counts.items() if count > 1),
        *(f"leaves out {task!r}" for task in tasks if task not in counts),
        *("has a stage without tasks" for part in parts if not part),
        *(["is empty"] if not parts else []),
    ]
    if faults:
        raise UserError(
            f"data.stages {faults[0]}; put each of {', '.join(tasks)} into exactly one stage, or "
            "set it to null to learn all at once."
        )
