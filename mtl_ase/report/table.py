"""Results as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from mtl_ase.evaluation import Interval, Scorer, Scores, published
from mtl_ase.report.folding_table import FoldingTable as Table

Results = Mapping[str, float | None]


def results_table(columns: Mapping[str, Results], scorer: Scorer) -> Table:
    """One row a metric, one column a network; an arrow says which way is better."""
    table = Table("metric", "better", title="Results")
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
    """A column a network, with 95 % intervals over images, then published ones to compare with."""
    first = found[0]
    rows = published(first.dataset, first.protocol)
    title = f"{first.dataset}, protocol {first.protocol}, {len(first.image_ids):,} images"
    table = Table("metric", "better", title=title)
    for scores in found:
        table.add_column(scores.name, justify="right")
    for row in rows:
        table.add_column(f"{row.name}\n(published)", justify="right", style="dim")
    for key in first.keys:
        better = "up" if key not in first.metrics or first.metrics[key].higher_is_better else "down"
        cells = [_cell(scores.intervals[key]) if key in scores.keys else "-" for scores in found]
        others = [_number(row.values[key]) if key in row.values else "-" for row in rows]
        table.add_row(key, better, *cells, *others)
    console = Console()
    console.print(table)
    console.print("in brackets: 95 % bootstrap interval over images, not over seeds", style="dim")
    for source in dict.fromkeys(row.source for row in rows):
        names = ", ".join(row.name for row in rows if row.source == source)
        console.print(f"published: {names}: {source}", style="dim", soft_wrap=True)


def print_comparison(first: Scores, other: Scores) -> None:
    """Other minus first on the same images, with intervals and p-values."""
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


def _number(value: float) -> str:
    return f"{value:.{_decimals(value)}f}"


def _decimals(value: float) -> int:
    """Two, as papers print; four for what is no percentage or angle, like a cross-entropy."""
    return 4 if 0 < abs(value) < 0.5 else 2
