"""Gate weights and selections of all routers over the steps, as heat maps with a slider.

Legend: S steps, T tasks, N routers, E experts, Q quantities: gate weights, shares of tokens.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from mtl_ase.base.csv_rows import Rows
from mtl_ase.run_pages.colour_scale import LEVELS, SEQUENTIAL, scale
from mtl_ase.run_pages.heat_map import colour_bar, heat_map
from mtl_ase.run_pages.numbers import spread_out

QUANTITIES = {"gate": "mean gate weight", "share": "share of the tokens that select it"}
MOST_STEPS = 24
UNKNOWN_LEVEL = 255


@dataclass(frozen=True)
class Strongest:
    """The experts with the largest mean gate weights of a router, for a task."""

    router: str
    task: str
    experts: str
    shared: float | None


@dataclass(frozen=True)
class RouterMaps:
    """The heat maps and what the script needs to change them.

    Attributes:
        tasks: names of the tasks.
        drawings: the map of every task at the last step.
        scales: a colour bar for every quantity, by its key.
        data: steps, names and quantised values, for the script.
        strongest: the same of the last step as a table.
        last: the last logged step.
        more_steps: how many steps were logged, if not all are shown.
    """

    tasks: Sequence[str]
    drawings: Sequence[Markup]
    scales: dict[str, Markup]
    data: dict[str, object]
    strongest: Sequence[Strongest]
    last: int
    more_steps: int | None


@dataclass(frozen=True)
class _Logged:
    """The rows as an array: value_QSTNE, NaN where a router has no such expert."""

    steps: list[int]
    tasks: list[str]
    routers: list[str]
    num_shared: int
    value_QSTNE: NDArray[np.float64]


def router_maps(rows: Rows) -> RouterMaps | None:
    """The heat maps of a run; None without routers.

    Args:
        rows: of the run's router.csv.
    """
    if not rows:
        return None
    every = list(dict.fromkeys(int(row["step"]) for row in rows))
    steps = [every[place] for place in spread_out(len(every), MOST_STEPS)]
    logged = _logged(rows, steps)
    tops = [max(float(np.nanmax(value_STNE)), 1e-9) for value_STNE in logged.value_QSTNE]
    num_experts = logged.value_QSTNE.shape[-1]
    split = num_experts - logged.num_shared if logged.num_shared else None
    drawings = [
        heat_map(
            logged.value_QSTNE[0, -1, place],
            logged.routers,
            (0, tops[0]),
            SEQUENTIAL,
            f"Heat map of {task}: {QUANTITIES['gate']} of {num_experts} experts (columns) by "
            f"{len(logged.routers)} routers (rows); the table below has the largest.",
            split=split,
        )
        for place, task in enumerate(logged.tasks)
    ]
    data: dict[str, object] = {
        "steps": steps,
        "tasks": logged.tasks,
        "routers": logged.routers,
        "experts": num_experts,
        "shared": logged.num_shared,
        "palette": scale(SEQUENTIAL),
        "tops": dict(zip(QUANTITIES, tops, strict=True)),
        "names": QUANTITIES,
        "values": {
            key: _quantised(value_STNE, top)
            for key, value_STNE, top in zip(QUANTITIES, logged.value_QSTNE, tops, strict=True)
        },
    }
    bars = {
        key: colour_bar(("0", f"{top:.2g}"), SEQUENTIAL)
        for key, top in zip(QUANTITIES, tops, strict=True)
    }
    return RouterMaps(
        logged.tasks,
        drawings,
        bars,
        data,
        _strongest(logged),
        every[-1],
        len(every) if len(every) > len(steps) else None,
    )


def _logged(rows: Rows, steps: Sequence[int]) -> _Logged:
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    routers = list(dict.fromkeys((row["layer"], row["site"]) for row in rows))
    step_at = {str(step): place for place, step in enumerate(steps)}
    task_at = {task: place for place, task in enumerate(tasks)}
    router_at = {router: place for place, router in enumerate(routers)}
    num_experts = max(int(row["expert"]) for row in rows) + 1
    shape = (len(QUANTITIES), len(steps), len(tasks), len(routers), num_experts)
    value_QSTNE = np.full(shape, np.nan)
    for row in rows:
        step = step_at.get(row["step"])
        if step is not None:
            router = router_at[row["layer"], row["site"]]
            place = (step, task_at[row["task"]], router, int(row["expert"]))
            for number, key in enumerate(QUANTITIES):
                value_QSTNE[number, *place] = float(row[key])
    shared = {int(row["expert"]) for row in rows if not row.get("probability", "0")}
    sites = {site for _, site in routers}
    names = [layer if len(sites) == 1 else f"{layer} {site}" for layer, site in routers]
    return _Logged(list(steps), tasks, names, len(shared), value_QSTNE)


def _quantised(value_STNE: NDArray[np.float64], top: float) -> str:
    """Numbers of the scale's colours as bytes in base64; 255 where there is no value."""
    level_STNE = np.rint(np.nan_to_num(value_STNE) / top * (LEVELS - 1)).clip(0, LEVELS - 1)
    level_STNE = np.where(np.isnan(value_STNE), UNKNOWN_LEVEL, level_STNE)
    return base64.b64encode(level_STNE.astype(np.uint8).tobytes()).decode()


def _strongest(logged: _Logged, count: int = 3) -> list[Strongest]:
    """The largest gate weights of every router and task at the last step."""
    found = []
    gate_TNE = logged.value_QSTNE[0, -1]
    for place, router in enumerate(logged.routers):
        for task, gate_E in zip(logged.tasks, gate_TNE[:, place], strict=True):
            known_E = np.nan_to_num(gate_E)
            order = np.argsort(-known_E)[:count]
            told = ", ".join(f"{expert} ({known_E[expert]:.2f})" for expert in order)
            shared = float(known_E[-logged.num_shared :].sum()) if logged.num_shared else None
            found.append(Strongest(router, task, told, shared))
    return found
