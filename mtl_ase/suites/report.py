"""Table and figure of a suite, from the results alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtl_ase.suites.costs import cost_columns, draw_costs, stored_costs
from mtl_ase.suites.figure import experts, lines, points, save
from mtl_ase.suites.outcome import Outcome
from mtl_ase.suites.reproduction import Reproduction
from mtl_ase.suites.router_columns import LEGEND, router_columns
from mtl_ase.suites.suite import Suite
from mtl_ase.suites.table import notes_on_holes, write_tables


def write_report(reproduction: Reproduction, failures: Mapping[str, str]) -> str:
    """Write OUTPUT/SUITE.md, .csv, .tex, .png and .svg; the text of the first.

    Args:
        reproduction: the suite with its runs and results.
        failures: what went wrong, by the names of runs.
    """
    arguments, suite = reproduction.arguments, reproduction.suite
    found = reproduction.outcomes()
    arguments.output.mkdir(parents=True, exist_ok=True)
    stem = arguments.output / _stem(reproduction)
    notes = [_what_it_is(reproduction), *notes_on_holes(suite, found, failures)]
    more = router_columns(_routers(reproduction)) if suite.routers else {}
    if suite.figure == "costs":
        found.sort(key=lambda outcome: -_gain(suite, outcome))
        costs = stored_costs(costs_file(reproduction))
        more |= cost_columns(suite, found, costs)
    text = write_tables(stem, suite, found, reproduction.directions, notes, more)
    if suite.figure == "experts":
        _draw_experts(reproduction, stem)
    elif suite.figure == "costs":
        save(draw_costs(suite, found, costs), stem)
    elif any(outcome.gain.values for outcome in found):
        save((points if suite.figure == "points" else lines)(suite, found), stem)
    return text


def costs_file(reproduction: Reproduction) -> Path:
    """Where the costs of a suite's rows are stored."""
    name = f"{Path(reproduction.arguments.suite).stem}_costs.json"
    return reproduction.arguments.output / name


def _gain(suite: Suite, outcome: Outcome) -> float:
    """Over the baseline; of rows without any, the least."""
    if outcome.row == suite.baseline:
        return 0.0
    return outcome.over_baseline.mean if outcome.over_baseline.values else -math.inf


def _stem(reproduction: Reproduction) -> str:
    arguments = reproduction.arguments
    name = Path(arguments.suite).stem
    budget = reproduction.budget
    return name if budget == reproduction.suite.budget else f"{name}_{budget}"


def _what_it_is(reproduction: Reproduction) -> str:
    suite = reproduction.suite
    steps = reproduction.setting.budgets[reproduction.budget].steps
    seeds = ", ".join(map(str, reproduction.seeds))
    baseline = suite.rows[suite.baseline].title
    over = "the config's reference"
    if suite.reference is not None:
        over = f"the mean of {suite.rows[suite.reference].title}"
    text = (
        f"{suite.title}, on {reproduction.setting.title}: {steps:,} steps, seeds {seeds}. Means "
        f"with 95 % intervals over seeds (Student's t); delta_m over {over}; p of a paired t-test "
        f"with {baseline}, not corrected for the number of rows."
    )
    if any(row.published for row in suite.rows.values()):
        text += " In brackets the paper's values, on PASCAL-Context."
    return f"{text} {LEGEND}" if suite.routers else text


def _routers(reproduction: Reproduction) -> list[list[Mapping[str, Any]]]:
    """What is known of the routers, of every row and seed that has some."""
    by_row = []
    for row in reproduction.suite.rows:
        runs = [run for s in reproduction.seeds for run in reproduction.runs_of(row, s)]
        results = [reproduction.results.get(run) for run in runs]
        by_row.append([r.routers for r in results if r is not None and r.routers is not None])
    return by_row


def _draw_experts(reproduction: Reproduction, stem: Path) -> None:
    """One file for every row with routers and every task, of the first seed that is there."""
    for row, content in reproduction.suite.rows.items():
        for seed in reproduction.seeds:
            result = reproduction.results.get(reproduction.runs_of(row, seed)[0])
            if result is None or result.routers is None:
                continue
            for task in result.routers["gates"]:
                name = f"{stem.name}_{row}_{task}"
                save(experts(result.routers, task, content.title), stem.with_name(name))
            break
