"""What the rows of a suite reached: means over seeds, intervals, paired differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from scipy import stats

from mtl_ase.evaluation.spread import Spread
from mtl_ase.metrics.delta_m import gain_of
from mtl_ase.suites.result import Result
from mtl_ase.suites.suite import Suite
from mtl_ase.suites.suite_run import SuiteRun

RunsOf = Callable[[str, int], Sequence[SuiteRun]]
"""The runs of a row with a seed."""


class Outcome(NamedTuple):
    """What a row reached.

    Attributes:
        row: its name.
        scores: by metric.
        gain: delta_m in percent, over the means of the suite's reference if it has one.
        over_baseline: difference of `gain` to the baseline's run of the same seed; without a
            reference row, delta_m over that run.
        p_value: of the paired t-test that they are 0; NaN for one seed, and for the baseline.
        parameters: all of the network, and trained ones; of a single network of several.
        trained: those that are trained.
        megabytes: most memory (MiB) of a run's process; 0 if it is not known.
        minutes: of the fastest run, with all that it does; NaN if none ran without interruption.
        missing: seeds without a result.
    """

    row: str
    scores: dict[str, Spread]
    gain: Spread
    over_baseline: Spread
    p_value: float
    parameters: int
    trained: int
    megabytes: int
    minutes: float
    missing: list[int]

    def seeds(self) -> list[int]:
        """The seeds with a result."""
        return sorted({seed for spread in self.scores.values() for seed in spread.values})

    def scores_of(self, seed: int) -> dict[str, float]:
        """The scores of a seed by metric; NaN where one is not known."""
        return {key: spread.values.get(seed, math.nan) for key, spread in self.scores.items()}


def outcomes(
    suite: Suite,
    seeds: Sequence[int],
    runs_of: RunsOf,
    found: Callable[[SuiteRun], Result | None],
    directions: Mapping[str, bool],
) -> list[Outcome]:
    """The outcome of every row, in the suite's order.

    Args:
        suite: the suite.
        seeds: of the runs.
        runs_of: the runs of a row with a seed.
        found: the result of a run, if there is one.
        directions: the metrics in the order of the columns; whether higher is better.
    """
    results = {
        (row, seed): [found(run) for run in runs_of(row, seed)]
        for row in suite.rows
        for seed in seeds
    }
    scores = {
        place: _joined([r for r in several if r is not None], directions)
        for place, several in results.items()
        if all(result is not None for result in several)
    }
    gains = {place: _own_gain([r for r in results[place] if r is not None]) for place in scores}
    if suite.reference is not None:
        reference = {
            key: Spread.of({s: v[key] for (r, s), v in scores.items() if r == suite.reference}).mean
            for key in directions
        }
        gains = {place: gain_of(own, reference, directions) for place, own in scores.items()}
    rows = {row: _outcome(row, seeds, directions, scores, gains, results) for row in suite.rows}
    baseline = rows[suite.baseline]
    for name in suite.rows.keys() - {suite.baseline}:
        over = difference(suite, rows[name], baseline, directions)
        p_value = _p_value(list(over.values.values()))
        rows[name] = rows[name]._replace(over_baseline=over, p_value=p_value)
    return list(rows.values())


def difference(
    suite: Suite, own: Outcome, other: Outcome, directions: Mapping[str, bool]
) -> Spread:
    """What a row gains over another, seed by seed, in percent.

    With a reference row, it is the difference of their delta_m; without one, delta_m of the one
    over the run of the other.

    Args:
        suite: of the rows.
        own: the row.
        other: the one that it is compared with.
        directions: the metrics; whether higher is better.
    """
    if suite.reference is not None:
        both = own.gain.values.keys() & other.gain.values.keys()
        return Spread.of({seed: own.gain.values[seed] - other.gain.values[seed] for seed in both})
    there = set(own.seeds()) & set(other.seeds())
    return Spread.of(
        {
            seed: gain_of(own.scores_of(seed), other.scores_of(seed), directions)
            for seed in sorted(there)
        }
    )


Place = tuple[str, int]


def _outcome(
    row: str,
    seeds: Sequence[int],
    directions: Mapping[str, bool],
    scores: Mapping[Place, Mapping[str, float]],
    gains: Mapping[Place, float],
    results: Mapping[Place, Sequence[Result | None]],
) -> Outcome:
    there = [seed for seed in seeds if (row, seed) in scores]
    known = [result for seed in seeds for result in results[row, seed] if result is not None]
    minutes = [result.seconds / 60 for result in known if result.seconds is not None]
    return Outcome(
        row=row,
        scores={key: Spread.of({s: scores[row, s][key] for s in there}) for key in directions},
        gain=Spread.of({seed: gains[row, seed] for seed in there}),
        over_baseline=Spread.of({}),
        p_value=math.nan,
        parameters=max((result.parameters for result in known), default=0),
        trained=max((result.trained for result in known), default=0),
        megabytes=max((result.megabytes for result in known), default=0),
        minutes=min(minutes, default=math.nan),
        missing=[seed for seed in seeds if seed not in there],
    )


def _joined(results: Sequence[Result], directions: Mapping[str, bool]) -> dict[str, float]:
    """The scores of a row; of networks of single tasks together."""
    known = {k: v for result in results for k, v in result.scores.items() if v is not None}
    return {key: known.get(key, math.nan) for key in directions}


def _own_gain(results: Sequence[Result]) -> float:
    """delta_m as the run itself has it; NaN where it is not known, as for single tasks."""
    values = [result.scores.get("delta_m") for result in results]
    return float(values[0]) if len(values) == 1 and values[0] is not None else math.nan


def _p_value(differences: Sequence[float]) -> float:
    """Of a t-test; NaN where all differences are the same."""
    if len(set(differences)) < 2 or not all(map(math.isfinite, differences)):
        return math.nan
    return float(stats.ttest_1samp(differences, 0.0).pvalue)
