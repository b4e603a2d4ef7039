"""Training curves of a run, from its metrics.csv: losses by step, scores of validations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mtl_ase.base.csv_rows import Rows
from mtl_ase.run_pages.line_chart import Chart, Point, Series, line_chart

Logs = Mapping[str, Rows]
"""Rows of metrics.csv by the name of the run."""


def loss_charts(logs: Logs) -> list[Chart]:
    """A chart of the training loss of every task, then of their weighted sum."""
    keys = [key for key in _columns(logs) if re.fullmatch(r"train/[^/]+/loss", key)]
    keys.sort(key=lambda key: key == "train/router/loss")
    charts = [_chart(logs, key, key.split("/")[1].replace("_", " "), "") for key in keys]
    total = _chart(logs, "train/loss", "all tasks", "weighted sum")
    return [chart for chart in (*charts, total) if chart.series]


def score_charts(logs: Logs, units: Mapping[str, str], higher: Mapping[str, bool]) -> list[Chart]:
    """A chart of every score over the validations; none if there was one validation only.

    Args:
        logs: of the runs.
        units: of the metrics, by key.
        higher: whether higher is better, by key.
    """
    charts = [_chart(logs, "val/loss", "validation loss", "lower is better")]
    for key in units:
        better = "higher" if higher.get(key, True) else "lower"
        note = ", ".join(filter(None, (units[key], f"{better} is better")))
        charts.append(_chart(logs, f"val/{key}", key, note))
    several = any(len(line.points) > 1 for chart in charts for line in chart.series)
    return [chart for chart in charts if chart.series] if several else []


def points_of(rows: Rows, key: str) -> list[Point]:
    """Steps and values of a column, where it has any."""
    return [(float(row["step"]), float(row[key])) for row in rows if row.get(key)]


def _chart(logs: Logs, key: str, title: str, note: str) -> Chart:
    several = len(logs) > 1
    series = [
        Series(name if several else "", points_of(rows, key), style)
        for style, (name, rows) in enumerate(logs.items())
    ]
    return line_chart(title, series, note)


def _columns(logs: Logs) -> Sequence[str]:
    return list(dict.fromkeys(key for rows in logs.values() for key in (rows[0] if rows else ())))
