"""What a training step of every row costs, over the baseline's."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from mtl_ase.base.atomic_files import write_json
from mtl_ase.config import run_once
from mtl_ase.suites.outcome import Outcome
from mtl_ase.suites.reproduction import Reproduction
from mtl_ase.suites.suite import Suite
from mtl_ase.tools.benchmarks.interleaved import interleave
from mtl_ase.tools.benchmarks.training_step import TrainingStep

ROUNDS = 9
BASELINE, OTHERS = "#c23b22", "#20639b"
Costs = Mapping[str, float]


def stored_costs(path: Path) -> Costs:
    """Steps over the baseline's, by row; empty if they were not measured."""
    if not path.is_file():
        return {}
    costs: Costs = json.loads(path.read_text(encoding="utf-8"))
    return costs


def measure_costs(reproduction: Reproduction, rows: Sequence[str], path: Path) -> None:
    """Time whole training steps of rows alternately, and store them over the baseline's.

    Args:
        reproduction: the suite in its setting.
        rows: their names; the baseline among them.
        path: the JSON file to write.
    """
    steps = {row: run_once(TrainingStep, reproduction.overrides_of(row)) for row in rows}
    timings = interleave({row: step.run_once for row, step in steps.items()}, range(ROUNDS))
    baseline = timings[reproduction.suite.baseline]
    over = {row: timing.over(baseline) for row, timing in timings.items()}
    write_json(path, {row: round(value, 4) for row, value in over.items()})


def cost_columns(suite: Suite, found: Sequence[Outcome], costs: Costs) -> dict[str, list[str]]:
    """Cells by the heads of their columns; "-" where nothing was measured."""
    over = [costs.get(outcome.row) for outcome in found]
    return {
        f"step over {suite.rows[suite.baseline].title}": [
            "-" if value is None else f"{value:.2f}" for value in over
        ],
        "memory, MiB": [
            f"{outcome.megabytes:,}" if outcome.megabytes else "-" for outcome in found
        ],
    }


def draw_costs(suite: Suite, found: Sequence[Outcome], costs: Costs) -> Figure:
    """Gain over the baseline and time of a step side by side, a line for every row."""
    figure = Figure(figsize=(8.0, 1.2 + 0.22 * len(found)), layout="constrained")
    gains, times = figure.subplots(1, 2, sharey=True)
    for place, outcome in enumerate(found):
        is_baseline, spread = outcome.row == suite.baseline, outcome.over_baseline
        colour, gain = (BASELINE, 0.0) if is_baseline else (OTHERS, spread.mean)
        bar = spread.error_bar
        gains.errorbar(gain, place, xerr=bar, fmt="o", color=colour, markersize=4)
        times.plot(costs.get(outcome.row, math.nan), place, "o", color=colour, markersize=4)
    names = [_plain(suite.rows[outcome.row].title) for outcome in found]
    gains.set_yticks(range(len(found)), names, fontsize=8)
    gains.set_ylim(len(found) - 0.5, -0.5)
    for axes, level in ((gains, 0), (times, 1)):
        axes.axvline(level, color=BASELINE, linewidth=0.8, zorder=0)
        axes.grid(axis="y", color="#eeeeee", zorder=0)
        axes.set_axisbelow(True)
    baseline = _plain(suite.rows[suite.baseline].title)
    gains.set_xlabel(f"delta_m over {baseline}, %")
    times.set_xlabel(f"time of a step, relative to {baseline}")
    return figure


def _plain(title: str) -> str:
    """A title without the marks of Markdown."""
    return title.strip("`").replace("_", " ")
