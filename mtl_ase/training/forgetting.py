"""Forgetting: what tasks lose while later ones are learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mtl_ase.training.stages import Stage

Results = Mapping[str, float | None]


class Forgetting(NamedTuple):
    """How a task's headline metric changed after its stage.

    Attributes:
        metric: key of the metric.
        stage: number of the stage in which the task was learned.
        after_stage: the score at the end of that stage; None if it is undefined.
        at_end: the score at the end of the training.
        forgetting: what was lost, positive if the score is worse at the end.
    """

    metric: str
    stage: int
    after_stage: float | None
    at_end: float | None
    forgetting: float | None


def forgetting(
    stages: Sequence[Stage],
    results: Sequence[Results],
    headlines: Mapping[str, str],
    higher_is_better: Mapping[str, bool],
) -> dict[str, Forgetting]:
    """The forgetting of every task; it is 0 for those of the last stage.

    Args:
        stages: the stages, in order.
        results: the scores at the end of every stage.
        headlines: key of every task's headline metric.
        higher_is_better: direction of these metrics, by key.
    """
    found = {}
    for stage in stages:
        for task in stage.tasks:
            key = headlines[task]
            after, end = results[stage.number].get(key), results[-1].get(key)
            lost = None
            if after is not None and end is not None:
                lost = after - end if higher_is_better[key] else end - after
            found[task] = Forgetting(key, stage.number, after, end, lost)
    return found


def mean_forgetting(found: Mapping[str, Forgetting], num_stages: int) -> float | None:
    """Mean over the tasks of all stages but the last; None without them, or if one is unknown."""
    lost = [entry.forgetting for entry in found.values() if entry.stage < num_stages - 1]
    known = [value for value in lost if value is not None]
    return sum(known) / len(known) if known and len(known) == len(lost) else None
