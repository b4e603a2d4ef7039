"""The table of a suite, as Markdown, CSV and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from mtl_ase.base.atomic_files import write_atomically
from mtl_ase.base.csv_rows import write_rows
from mtl_ase.base.markdown import in_markdown
from mtl_ase.evaluation.spread import Spread
from mtl_ase.suites.outcome import Outcome
from mtl_ase.suites.suite import Suite

GAIN = "delta_m"
HOLE = "-"
SMALL = 0.5
"""Scores below it, such as cross-entropies, are printed with four digits."""
Cells = list[list[str]]


def cells(
    suite: Suite,
    found: Sequence[Outcome],
    directions: Mapping[str, bool],
    more: Mapping[str, Sequence[str]],
) -> Cells:
    """Heads and rows: means, in percent and degrees, with 95 % intervals over the seeds.

    Published values, of the paper's data and networks, stand in brackets.

    Args:
        suite: the suite.
        found: what its rows reached.
        directions: the metrics; whether higher is better.
        more: further columns: a cell for every row.
    """
    heads = ["method", "seeds"]
    heads += [f"{key} {'up' if higher else 'down'}" for key, higher in directions.items()]
    heads += ["delta_m, %", f"over {suite.rows[suite.baseline].title}, %", "p"]
    heads += ["parameters, M", "trained, M", "minutes a run", *more]
    rows = []
    for place, outcome in enumerate(found):
        row = suite.rows[outcome.row]
        line = [row.title, str(len(outcome.seeds()))]
        line += [_beside(outcome.scores[key], row.published.get(key)) for key in directions]
        line += [_beside(outcome.gain, row.published.get(GAIN), sign="+")]
        line += [_spread(outcome.over_baseline, sign="+"), _number(outcome.p_value, ".3f")]
        line += [_millions(outcome.parameters), _millions(outcome.trained)]
        line += [_number(outcome.minutes, ".1f")]
        line += [column[place] for column in more.values()]
        rows.append(line)
    return [heads, *rows]


def markdown(table: Cells, notes: Sequence[str]) -> str:
    """A Markdown table with notes below."""
    heads, *rows = table
    return f"{in_markdown(heads, rows)}\n" + "".join(f"\n{note}\n" for note in notes)


def latex(table: Cells, title: str) -> str:
    """A LaTeX table for the package booktabs."""
    heads, *rows = ([_escaped(cell) for cell in line] for line in table)
    body = [" & ".join(line) + r" \\" for line in rows]
    return "\n".join(
        [
            f"% {title}",
            rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
            r"\toprule",
            " & ".join(heads) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def write_tables(
    stem: Path,
    suite: Suite,
    found: Sequence[Outcome],
    directions: Mapping[str, bool],
    notes: Sequence[str],
    more: Mapping[str, Sequence[str]],
) -> str:
    """Write STEM.md, STEM.csv (every seed by itself) and STEM.tex; the text of the first."""
    table = cells(suite, found, directions, more)
    text = markdown(table, notes)
    write_atomically(stem.with_suffix(".md"), text.encode())
    write_atomically(stem.with_suffix(".tex"), latex(table, suite.title).encode())
    heads = ["row", "seed", *directions, GAIN, "over_baseline"]
    lines = [
        [outcome.row, seed, *(_plain(part, seed) for part in _parts(outcome, directions))]
        for outcome in found
        for seed in outcome.seeds()
    ]
    write_rows(stem.with_suffix(".csv"), heads, lines)
    return text


def notes_on_holes(
    suite: Suite, found: Sequence[Outcome], failures: Mapping[str, str]
) -> list[str]:
    """A sentence on what is missing, and one on every failure; none if all is there.

    In a suite with costs, single rows may have more seeds than others.
    """
    holes = [
        f"{suite.rows[outcome.row].title} (seeds {', '.join(map(str, outcome.missing))})"
        for outcome in found
        if outcome.missing and not (suite.figure == "costs" and outcome.seeds())
    ]
    notes = [f"Missing: {'; '.join(holes)}."] if holes else []
    return notes + [f"Failed: {name}: {reason}" for name, reason in failures.items()]


def _parts(outcome: Outcome, directions: Mapping[str, bool]) -> list[Spread]:
    return [*(outcome.scores[key] for key in directions), outcome.gain, outcome.over_baseline]


def _plain(spread: Spread, seed: int) -> str:
    return f"{spread.values[seed]:.6g}" if seed in spread.values else ""


def _beside(spread: Spread, published: float | None, sign: str = "") -> str:
    own = _spread(spread, sign)
    return own if published is None else f"{own} ({published:{sign}.4g})"


def _spread(spread: Spread, sign: str = "") -> str:
    if math.isnan(spread.mean):
        return HOLE
    digits = 4 if not sign and abs(spread.mean) < SMALL else 2
    margin = "" if math.isnan(spread.margin) else f" ± {spread.margin:.{digits}f}"
    return f"{spread.mean:{sign}.{digits}f}{margin}"


def _number(value: float, form: str) -> str:
    return HOLE if math.isnan(value) else format(value, form)


def _millions(count: int) -> str:
    return f"{count / 1e6:.2f}" if count else HOLE


def _escaped(cell: str) -> str:
    return cell.replace("%", r"\%").replace("_", r"\_").replace("±", r"$\pm$")
