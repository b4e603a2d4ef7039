"""Columns of a table that tell whether the routers are alive."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Health = Mapping[str, Any]
Measure = Callable[[Sequence[Health]], float | None]

EARLY = 0.1
"""The part of a training in which the shared experts should lead."""
LEGEND = (
    "Routers: weight of the shared experts together, at the first step and, of the tasks with the "
    "least and the most, at the last; how often a shared expert has the largest mean weight, over "
    "layers and tasks in the first tenth of the steps; entropy of the experts that the tokens of a "
    "task select, of the lowest task at the last step (0: all tokens the same, 1: all experts "
    "equally often); information on the task, over its maximum; experts that under 1 % of the "
    "tokens of every task select."
)


def router_columns(by_row: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, list[str]]:
    """Cells by the heads of their columns; a mean over the runs, "-" where there is nothing to say.

    Args:
        by_row: `router_steps` of the runs of every row.
    """
    return {
        head: [_cell(measure, [run["health"] for run in runs]) for runs in by_row]
        for head, measure in MEASURES.items()
    }


def _cell(measure: Measure, runs: Sequence[Sequence[Health]]) -> str:
    values = [value for health in runs if (value := measure(health)) is not None]
    return f"{statistics.fmean(values):.2f}" if values else "-"


def _leads(health: Sequence[Health]) -> float | None:
    early = [each["leads"] for each in health if each["step"] <= EARLY * health[-1]["step"]]
    known = [value for value in early if value is not None]
    return statistics.fmean(known) if known else None


def _of_tasks(key: str, place: int, joined: Callable[[Sequence[float]], float]) -> Measure:
    """A value by task, at the first or last logged step, as one number."""

    def measure(health: Sequence[Health]) -> float | None:
        by_task = health[place][key]
        return None if by_task is None else joined(list(by_task.values()))

    return measure


MEASURES: dict[str, Measure] = {
    "S / (k + S)": lambda health: health[-1]["uniform"],
    "shared, first": _of_tasks("shared", 0, statistics.fmean),
    "shared leads": _leads,
    "shared, least": _of_tasks("shared", -1, min),
    "shared, most": _of_tasks("shared", -1, max),
    "token entropy": _of_tasks("token_entropy", -1, min),
    "information": lambda health: health[-1]["information"],
    "idle": lambda health: health[-1]["idle"],
}
