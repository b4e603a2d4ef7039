"""Tables of suites and differences of their rows in the documentation, from stored results alone.

A mark names a suite and what `reproduce.py` is told besides; results lie in docs/results/study, or
in another folder of docs/results:

    <!-- table fig2 budget=double -->
    <!-- end -->
    <!-- difference balancing nash_blocks fixed folder=compare/balancing -->
    <!-- end -->
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from mtl_ase.base.errors import UserError
from mtl_ase.base.installation import CHECKOUT
from mtl_ase.evaluation.spread import Spread
from mtl_ase.suites.arguments import Arguments
from mtl_ase.suites.outcome import difference
from mtl_ase.suites.report import write_report
from mtl_ase.suites.reproduction import Reproduction
from mtl_ase.suites.suite import Row
from mtl_ase.suites.table import GAIN

DOCS = CHECKOUT / "docs"
PAGES = tuple(DOCS / name for name in ("study.md", "methods.md", "performance.md"))
STORED = DOCS / "results"
FOLDER = "folder=study"
MARKED = re.compile(
    r"<!-- (?P<kind>table|difference) (?P<arguments>[^\n]+) -->\n.*?<!-- end -->", re.DOTALL
)


def with_tables(page: str, stored: Path = STORED) -> str:
    """A page with the tables and differences of today between its marks.

    Args:
        page: the page.
        stored: holds the folders of results; tables and figures are written into these.

    Raises:
        UserError: a mark is wrong.
    """

    def filled(found: re.Match[str]) -> str:
        kind, arguments = found["kind"], found["arguments"].split()
        made = FILLED[kind](arguments, stored)
        return f"<!-- {kind} {found['arguments']} -->\n{made.rstrip()}\n<!-- end -->"

    return MARKED.sub(filled, page)


def _table(arguments: Sequence[str], stored: Path) -> str:
    return write_report(_suite(arguments, stored), {})


def _difference(arguments: Sequence[str], stored: Path) -> str:
    suite, own, other, *rest = arguments
    made = _suite([suite, *rest], stored)
    if unknown := {own, other} - made.suite.rows.keys():
        raise UserError(f"the mark of {suite} names {unknown.pop()}, which is no row of it.")
    by_row = {outcome.row: outcome for outcome in made.outcomes()}
    rows = made.suite.rows
    spread = difference(made.suite, by_row[own], by_row[other], made.directions)
    return _sentence(rows[own], rows[other], spread)


def _suite(arguments: Sequence[str], stored: Path) -> Reproduction:
    folder = next((item for item in arguments if item.startswith("folder=")), FOLDER)
    rest = [item for item in arguments if item != folder]
    return Reproduction(Arguments.parse([*rest, f"output={stored / folder.partition('=')[2]}"]))


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
