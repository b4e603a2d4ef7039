"""Tables of results for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from mtl_ase.base.folding_table import FoldingTable as Table
from mtl_ase.evaluation import Interval, Published, Scorer, Scores, published
from mtl_ase.evaluation.protocol import ACTIVATE_FIRST, RESIZE_FIRST

Results = Mapping[str, float | None]
ORDERS = {ACTIVATE_FIRST: "activated first", RESIZE_FIRST: "resized first", None: ""}
"""What heads a column, by the order of scoring; nothing for files, which are as they are."""


def results_table(columns: Mapping[str, Results], scorer: Scorer) -> Table:
    """One row per metric, one column per network; "up" or "down" tells which way is better."""
    first = scorer.protocol.activate_first
    title = "Results (activated, then resized, as the reference was)" if first else "Results"
    table = Table("metric", "better", title=title)
    for name in columns:
        table.add_column(name, justify="right")
    for key in next(iter(columns.values())):
        better = (
            "up" if key not in scorer.metrics or scorer.metric(key).higher_is_better else "down"
        )
        values = (results.get(key) for results in columns.values())
        table.add_row(key, better, *("-" if v is None else f"{v:.2f}" for v in values))
    return table


def print_results(columns: Mapping[str, Results], scorer: Scorer) -> None:
    """Print the table."""
    Console().print(results_table(columns, scorer))


def print_scores(found: Sequence[Scores]) -> None:
    """Print one column per network, with 95 % intervals over images, then published results.

    Args:
        found: the scores of every network, on the same images.
    """
    first = found[0]
    rows = [*_reference(first), *published(first.dataset, first.protocol)]
    title = f"{first.dataset}, protocol {first.protocol}, {len(first.image_ids):,} images"
    table = Table("metric", "better", title=title)
    ours = [scores.resize_first for scores in found if scores.resize_first is not None]
    for scores in found:
        table.add_column(f"{scores.name}\n{ORDERS[scores.order]}", justify="right")
    for other in ours:
        table.add_column(f"{other.name}\n{ORDERS[other.order]}", justify="right")
    for row in rows:
        header = f"{row.name}\n{ORDERS[row.order]}"
        table.add_column(header, justify="right", style="dim")
    for key in first.keys:
        better = "up" if key not in first.metrics or first.metrics[key].higher_is_better else "down"
        cells = [_cell(scores.intervals[key]) if key in scores.keys else "-" for scores in found]
        cells += [_known(other.value(key)) if key in other.keys else "-" for other in ours]
        cells += [_number(row.values[key]) if key in row.values else "-" for row in rows]
        table.add_row(key, better, *cells)
    console = Console()
    console.print(table)
    _print_notes(console, rows, bool(ours))


def _reference(scores: Scores) -> list[Published]:
    """What delta_m compares with, as a column; none where there is no delta_m."""
    if not scores.reference:
        return []
    values = {**scores.reference, "delta_m": 0.0}
    place = (scores.dataset, scores.protocol, "what delta_m compares with")
    return [Published("reference", *place, values, scores.order)]


def _print_notes(console: Console, rows: Sequence[Published], two_orders: bool) -> None:
    console.print("in brackets: 95 % bootstrap interval over images, not over seeds", style="dim")
    if two_orders:
        note = "delta_m is of the reference's order: activated at the input's size, then resized"
        console.print(note, style="dim", soft_wrap=True)
    for source in dict.fromkeys(row.source for row in rows):
        names = ", ".join(row.name for row in rows if row.source == source)
        console.print(f"{names}: {source}", style="dim", soft_wrap=True)


def print_comparison(first: Scores, other: Scores) -> None:
    """Print the differences (other minus first) on the same images, with intervals and p-values."""
    table = Table("metric", title=f"{other.name} minus {first.name}, the same images")
    for column in ("difference", "95 % interval", "p"):
        table.add_column(column, justify="right")
    for key in first.keys:
        found = first.compare(key, other)
        if found is not None:
            gap = found.difference
            decimals = _decimals(first.value(key) or 0.0)
            value, low, high = (f"{v:+.{decimals}f}" for v in (gap.value, gap.low, gap.high))
            table.add_row(key, value, f"{low} to {high}", f"{found.p_value:.4f}")
    Console().print(table)


def _cell(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    decimals = _decimals(interval.value)
    value, low, high = (f"{v:.{decimals}f}" for v in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]"


def _known(value: float | None) -> str:
    return "-" if value is None else _number(value)


def _number(value: float) -> str:
    return f"{value:.{_decimals(value)}f}"


def _decimals(value: float) -> int:
    """Two decimals, as papers print; four for values below 0.5, such as a cross-entropy."""
    return 4 if 0 < abs(value) < 0.5 else 2
