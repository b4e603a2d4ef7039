"""The study's page: tables of suites and differences of rows, between marks, from stored results.

A mark names a suite and what `reproduce.py` is told besides:

    <!-- table fig2 budget=double -->
    <!-- difference fig2 ase_16 lora_moe_16 -->
    <!-- end -->
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from mtl_ase.base.errors import UserError
from mtl_ase.suites.arguments import Arguments
from mtl_ase.suites.outcome import Outcome, Spread, outcomes
from mtl_ase.suites.report import write_report
from mtl_ase.suites.reproduction import Reproduction
from mtl_ase.suites.suite import Row
from mtl_ase.suites.table import GAIN

DOCS = Path(__file__).parents[2] / "docs"
PAGE, STORED = DOCS / "study.md", DOCS / "results" / "study"
MARKED = re.compile(
    r"<!-- (?P<kind>table|difference) (?P<arguments>[^\n]+) -->\n.*?<!-- end -->", re.DOTALL
)


def with_results(page: str, folder: Path) -> str:
    """A page with the tables and differences of today between its marks.

    Args:
        page: the page.
        folder: holds `results`; tables and figures of the suites are written into it.

    Raises:
        UserError: a mark is wrong.
    """

    def filled(found: re.Match[str]) -> str:
        kind, arguments = found["kind"], found["arguments"].split()
        made = FILLED[kind](arguments, folder)
        return f"<!-- {kind} {found['arguments']} -->\n{made.rstrip()}\n<!-- end -->"

    return MARKED.sub(filled, page)


def difference(own: Outcome, other: Outcome) -> Spread:
    """delta_m of a row over that of another, seed by seed."""
    both = own.gain.values.keys() & other.gain.values.keys()
    return Spread.of({seed: own.gain.values[seed] - other.gain.values[seed] for seed in both})


def _table(arguments: Sequence[str], folder: Path) -> str:
    return write_report(_suite(arguments, folder), {})


def _difference(arguments: Sequence[str], folder: Path) -> str:
    suite, own, other, *rest = arguments
    made = _suite([suite, *rest], folder)
    if unknown := {own, other} - made.suite.rows.keys():
        raise UserError(f"the mark of {suite} names {unknown.pop()}, which is no row of it.")
    found = outcomes(made.suite, made.seeds, made.runs_of, made.results.get, made.directions)
    by_row = {outcome.row: outcome for outcome in found}
    rows = made.suite.rows
    return _sentence(rows[own], rows[other], difference(by_row[own], by_row[other]))


def _suite(arguments: Sequence[str], folder: Path) -> Reproduction:
    return Reproduction(Arguments.parse([*arguments, f"output={folder}"]))


def _sentence(own: Row, other: Row, spread: Spread) -> str:
    if not spread.values:
        return f"{own.title} over {other.title}: not measured yet."
    margin = "" if math.isnan(spread.margin) else f" ± {spread.margin:.2f}"
    seeds = ", ".join(f"{spread.values[seed]:+.2f}" for seed in sorted(spread.values))
    text = f"{own.title} over {other.title}: **{spread.mean:+.2f}{margin} %** (by seed {seeds})"
    if GAIN in own.published and GAIN in other.published:
        text += f"; the paper: {own.published[GAIN] - other.published[GAIN]:+.2f} %"
    return f"{text}."


FILLED = {"table": _table, "difference": _difference}
