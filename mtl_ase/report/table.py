"""Results as a table."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from mtl_ase.training import Scorer

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
