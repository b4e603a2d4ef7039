"""Charts of the routers' health over the steps: shared experts' weight, tokens, tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mtl_ase.base.csv_rows import Rows
from mtl_ase.run_pages.line_chart import Chart, Series, line_chart
from mtl_ase.training.router_health import RouterHealth, health_of


def router_charts(rows: Rows) -> list[Chart]:
    """The charts of a run; none without routers.

    Args:
        rows: of the run's router.csv.
    """
    health = health_of(rows)
    if not health:
        return []
    uniform = health[-1].uniform
    level = None if uniform is None else ("S / (k + S)", uniform)
    charts = [
        line_chart(
            "Weight of the shared experts",
            _by_task(health, lambda each: each.shared),
            "by task",
            level if health[-1].shared else None,
            (0, 0),
        ),
        line_chart(
            "Tokens of a task differ",
            _by_task(health, lambda each: each.token_entropy),
            "entropy",
            span=(0, 1),
        ),
        line_chart("Tasks apart, experts idle", _overall(health), "0 to 1", span=(0, 1)),
    ]
    return [chart for chart in charts if chart.series]


def _by_task(
    health: Sequence[RouterHealth], part: Callable[[RouterHealth], Mapping[str, float] | None]
) -> list[Series]:
    tasks = part(health[-1]) or {}
    return [
        Series(
            task.replace("_", " "),
            [(each.step, (part(each) or {}).get(task, float("nan"))) for each in health],
            style,
        )
        for style, task in enumerate(tasks)
    ]


def _overall(health: Sequence[RouterHealth]) -> list[Series]:
    return [
        Series("information on the task", [(each.step, each.information) for each in health], 0),
        Series("idle experts", [(each.step, each.idle) for each in health], 1),
    ]
