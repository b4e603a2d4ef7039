"""The table and the picture of a comparison, from its stored rows and costs.

Legend: M methods, S seeds.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from matplotlib.figure import Figure
from omegaconf import DictConfig

from mtl_ase.base.atomic_files import write_json
from mtl_ase.base.markdown import in_markdown
from mtl_ase.build import build_tasks
from mtl_ase.config import run_once
from mtl_ase.evaluation import Scorer
from mtl_ase.evaluation.margin import margin_of_mean
from mtl_ase.metrics.delta_m import gain_of
from mtl_ase.tools.benchmarks.interleaved import interleave
from mtl_ase.tools.benchmarks.training_step import TrainingStep
from mtl_ase.tools.comparison import FIELDS, Field

ROUNDS = 9
GAIN, COST = "delta_m over {}, %", "step"
"""Heads of the columns."""


class Outcome(NamedTuple):
    """What a method reached.

    Attributes:
        method: its name.
        seeds: how many runs.
        scores: means of the headline metrics over the seeds.
        gain: mean over the seeds of delta_m relative to the baseline's run of the same seed.
        margin: half the width of the 95 % interval of `gain` (Student's t); NaN for one seed.
        trained: trained parameters.
        megabytes: the most memory of a run's process.
        cost: a step over the baseline's; NaN if not measured.
    """

    method: str
    seeds: int
    scores: dict[str, float]
    gain: float
    margin: float
    trained: int
    megabytes: int
    cost: float


def measure_costs(field: Field, methods: Sequence[str], given: Sequence[str]) -> dict[str, float]:
    """Whole training steps of all methods, timed alternately, over those of the baseline."""
    steps = {method: run_once(TrainingStep, field.overrides(method, given)) for method in methods}
    ways = {method: step.run_once for method, step in steps.items()}
    timings = interleave(ways, range(ROUNDS))
    baseline = timings[field.baseline]
    return {name: round(timing.over(baseline), 4) for name, timing in timings.items()}


def directions(
    config: DictConfig, metrics: Mapping[str, str] = MappingProxyType({})
) -> dict[str, bool]:
    """Every task's metric by its full key, in the order of the tasks; whether higher is better.

    Args:
        config: of a network of all tasks.
        metrics: in place of the headlines, by task.
    """
    tasks = build_tasks(config)
    higher = Scorer(tasks).higher_is_better()
    keys = [f"{name}/{metrics.get(name, task.headline)}" for name, task in tasks.items()]
    return {key: higher[key] for key in keys}


def outcomes(
    rows: Sequence[Mapping[str, str]],
    costs: Mapping[str, float],
    baseline: str,
    higher_is_better: Mapping[str, bool],
) -> list[Outcome]:
    """What every method reached, the best first, of the seeds that the baseline has too.

    Args:
        rows: of results.csv.
        costs: steps over the baseline's, by method.
        baseline: the method that gains are relative to.
        higher_is_better: of the headline metrics, by full key.
    """
    singles = {
        row["seed"]: _scores(row, higher_is_better) for row in rows if row["method"] == baseline
    }
    by_method: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        if row["seed"] in singles:
            by_method.setdefault(row["method"], []).append(row)
    found = [
        _outcome(method, runs, singles, higher_is_better, costs.get(method, math.nan))
        for method, runs in by_method.items()
    ]
    return sorted(found, key=lambda outcome: -outcome.gain)


def markdown_table(found: Sequence[Outcome], baseline: str) -> str:
    """One row a method."""
    keys = list(found[0].scores)
    heads = ["method", "seeds", *keys, GAIN.format(baseline), COST, "trained, M", "memory, MiB"]
    lines = []
    for outcome in found:
        gain = f"{outcome.gain:+.2f}"
        if not math.isnan(outcome.margin):
            gain += f" ± {outcome.margin:.2f}"
        cost = "-" if math.isnan(outcome.cost) else f"{outcome.cost:.2f}"
        scores = [f"{outcome.scores[key]:.2f}" for key in keys]
        size = [f"{outcome.trained / 1e6:.3f}", f"{outcome.megabytes:,}"]
        lines.append([f"`{outcome.method}`", str(outcome.seeds), *scores, gain, cost, *size])
    return in_markdown(heads, lines)


def draw_quality_cost(found: Sequence[Outcome], baseline: str, path: Path) -> None:
    """Plot gain and cost side by side, a line for every method, the best on top."""
    figure = Figure(figsize=(8.0, 1.2 + 0.22 * len(found)), layout="constrained")
    gains, costs = figure.subplots(1, 2, sharey=True)
    for place, outcome in enumerate(found):
        colour = "#c23b22" if outcome.method == baseline else "#20639b"
        margin = 0 if math.isnan(outcome.margin) else outcome.margin
        gains.errorbar(outcome.gain, place, xerr=margin, fmt="o", color=colour, markersize=4)
        costs.plot(outcome.cost, place, "o", color=colour, markersize=4)
    gains.set_yticks(range(len(found)), [o.method.replace("_", " ") for o in found], fontsize=8)
    gains.set_ylim(len(found) - 0.5, -0.5)
    for axes, level in ((gains, 0), (costs, 1)):
        axes.axvline(level, color="#c23b22", linewidth=0.8, zorder=0)
        axes.grid(axis="y", color="#eeeeee", zorder=0)
        axes.set_axisbelow(True)
    gains.set_xlabel(f"delta_m over {baseline}, %")
    costs.set_xlabel(f"time of a step, relative to {baseline}")
    figure.savefig(path, dpi=110)


def write_report(
    what: str, folder: Path, given: Sequence[str], rows: Sequence[Mapping[str, str]], timed: bool
) -> str:
    """Write costs.json, table.md and quality_cost.png; the table.

    Args:
        what: name of the field.
        folder: of the comparison.
        given: the overrides of all runs.
        rows: of results.csv.
        timed: measure the steps of all methods again, if one is not in costs.json.
    """
    field = FIELDS[what]
    methods = list(dict.fromkeys(row["method"] for row in rows))
    path = folder / "costs.json"
    costs = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if timed and not set(methods) <= set(costs):
        costs = measure_costs(field, methods, given)
        write_json(path, costs)
    higher = run_once(directions, field.overrides(field.baseline, given))
    found = outcomes(rows, costs, field.baseline, higher)
    table = markdown_table(found, field.baseline)
    (folder / "table.md").write_text(table + "\n", encoding="utf-8")
    draw_quality_cost(found, field.baseline, folder / "quality_cost.png")
    return table


def _outcome(
    method: str,
    runs: Sequence[Mapping[str, str]],
    singles: Mapping[str, Mapping[str, float]],
    higher_is_better: Mapping[str, bool],
    cost: float,
) -> Outcome:
    scores = [_scores(run, higher_is_better) for run in runs]
    gains = [
        gain_of(own, singles[run["seed"]], higher_is_better)
        for own, run in zip(scores, runs, strict=True)
    ]
    return Outcome(
        method=method,
        seeds=len(runs),
        scores={key: statistics.fmean(own[key] for own in scores) for key in higher_is_better},
        gain=statistics.fmean(gains),
        margin=margin_of_mean(gains),
        trained=int(runs[0]["trained"]),
        megabytes=max(int(run["megabytes"]) for run in runs),
        cost=cost,
    )


def _scores(row: Mapping[str, str], higher_is_better: Mapping[str, bool]) -> dict[str, float]:
    return {key: float(row[key]) if row.get(key) else math.nan for key in higher_is_better}
