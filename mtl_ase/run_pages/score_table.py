"""The scores of a run: direction, unit, and what they are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torchmetrics import Metric

from mtl_ase.evaluation import Interval
from mtl_ase.tasks import Task

DELTA_M = "delta_m"
ARROWS = {True: ("↑", "higher is better"), False: ("↓", "lower is better")}
Scores = Mapping[str, float | None]


@dataclass(frozen=True)
class Score:
    """A row of the table.

    Attributes:
        key: of the metric, e.g. "semseg/miou".
        arrow: the better direction as a sign, and in words.
        unit: of the values; empty for a plain number.
        headline: whether it stands for its task in delta_m.
        value: of the final validation.
        interval: the score of evaluate.py with its interval; None where it was not run.
        trivial: of the best constant prediction.
        reference: of the single-task network.
    """

    key: str
    arrow: tuple[str, str]
    unit: str
    headline: bool
    value: float | None
    interval: Interval | None
    trivial: float | None
    reference: float | None


def score_table(
    tasks: Mapping[str, Task],
    scored: Mapping[str, Metric],
    metrics: Scores,
    trivial: Scores,
    reference: Scores,
    evaluated: Mapping[str, Interval | None],
) -> list[Score]:
    """A row for every metric, then delta_m.

    Args:
        tasks: the tasks by name.
        scored: the metrics by key, see `all_metrics`.
        metrics: content of metrics.json.
        trivial: content of metrics_trivial.json.
        reference: what delta_m compares with, by key.
        evaluated: the scores of evaluate.py; empty without an evaluation.
    """
    better, units = directions(scored), unit_of(scored)
    headlines = {task.headline_key for task in tasks.values()} | {DELTA_M}
    return [
        Score(
            key,
            ARROWS[better[key]],
            units[key],
            key in headlines,
            metrics.get(key),
            evaluated.get(key),
            trivial.get(key),
            reference.get(key),
        )
        for key in better
        if key in metrics or key in evaluated
    ]


def all_metrics(tasks: Mapping[str, Task], evaluated: Mapping[str, Task]) -> dict[str, Metric]:
    """The metrics of a run by key, task by task: its own, then those of its evaluation alone.

    Args:
        tasks: the run's tasks by name.
        evaluated: the same with the metrics of an evaluation's protocol; empty without one.
    """
    found: dict[str, Metric] = {}
    for name, task in tasks.items():
        found |= task.measured()
        if name in evaluated:
            found |= evaluated[name].measured()
    return found


def directions(scored: Mapping[str, Metric]) -> dict[str, bool]:
    """Whether higher is better, by key; delta_m last."""
    found = {key: bool(metric.higher_is_better) for key, metric in scored.items()}
    return found | {DELTA_M: True}


def unit_of(scored: Mapping[str, Metric]) -> dict[str, str]:
    """The unit by key; empty for a metric that names none."""
    found = {key: str(getattr(metric, "unit", "")) for key, metric in scored.items()}
    return found | {DELTA_M: "%"}
