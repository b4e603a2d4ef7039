"""The routers in the course of a training, from a run's router.csv. Legend: S steps, E experts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtl_ase.base.csv_rows import Rows, read_rows
from mtl_ase.training.router_health import health_of

PLACES = (0.0, 1 / 40, 3 / 40, 1.0)
"""Parts of the training: its begin, and epochs 1, 3 and 40 of 40, as in the paper's Figure 4."""


def router_steps(log: Path, places: Sequence[float] = PLACES) -> dict[str, Any] | None:
    """Mean gate weights of every expert at the logged steps nearest to parts of the training.

    Args:
        log: the run's router.csv.
        places: parts of the training, 0 to 1.

    Returns:
        `steps`; `gates` by task and router ("3 ffn"), a list of weights for every step; `health` at
        every logged step, see `RouterHealth`. None if nothing was logged.
    """
    rows = read_rows(log)
    logged = sorted({int(row["step"]) for row in rows})
    if not logged:
        return None
    chosen = [min(logged, key=lambda step: abs(step - part * logged[-1])) for part in places]
    steps = list(dict.fromkeys(chosen))
    gates: dict[str, dict[str, list[list[float]]]] = {}
    for step in steps:
        for task, routers in _gates([row for row in rows if int(row["step"]) == step]).items():
            for router, gate_E in routers.items():
                gates.setdefault(task, {}).setdefault(router, []).append(gate_E)
    health = [each._asdict() for each in health_of(rows)]
    return {"steps": steps, "gates": gates, "health": health}


def _gates(rows: Rows) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        router = f"{row['layer']} {row['site']}"
        found.setdefault(row["task"], {}).setdefault(router, []).append(
            round(float(row["gate"]), 4)
        )
    return found
