"""Whether the routers are alive, step by step, from a run's router.csv.

Legend: N routers, T tasks, E experts, F of them compete for tokens, the others are shared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mtl_ase.base.csv_rows import Rows
from mtl_ase.losses import task_information

IDLE_SHARE = 0.01
Floats = NDArray[np.float64]


class RouterHealth(NamedTuple):
    """What the routers did at a logged step.

    Attributes:
        step: the optimiser step.
        uniform: S / (k + S), the weight of all S shared experts if every active one has the same;
            None without shared experts.
        shared: weight of all shared experts by task, mean over routers; None without any.
        leads: part of the routers and tasks in which a shared expert has the largest mean weight;
            None without any.
        token_entropy: how much the tokens of a task differ in the experts they select, by task,
            mean over routers: the entropy of the selections, from 0 (all tokens select the same k)
            to 1 (all experts are selected equally often); None where nothing is selected.
        information: mutual information between tasks and experts over its maximum, of the routers'
            probabilities, mean over routers: 1 if no two tasks have an expert in common.
        idle: part of the experts that under 1 % of the tokens of every task select.
    """

    step: int
    uniform: float | None
    shared: dict[str, float] | None
    leads: float | None
    token_entropy: dict[str, float] | None
    information: float
    idle: float


def health_of(rows: Rows) -> list[RouterHealth]:
    """The health of the routers at every logged step; empty without routers.

    Args:
        rows: of the run's router.csv.
    """
    by_step: dict[int, Rows] = {}
    for row in rows:
        by_step.setdefault(int(row["step"]), []).append(row)
    return [_health(step, rows) for step, rows in by_step.items()]


def as_json(health: Sequence[RouterHealth]) -> dict[str, Any]:
    """The content of a run's routers.json."""
    return {"steps": [each._asdict() for each in health]}


def logged_values(health: RouterHealth) -> dict[str, float]:
    """The values of a step for a logger: the shared experts' weight and tokens' entropy by task."""
    by_task = {"shared": health.shared or {}, "token_entropy": health.token_entropy or {}}
    values = {
        f"router/{key}/{task}": value
        for key, of_tasks in by_task.items()
        for task, value in of_tasks.items()
    }
    return values | {"router/information": health.information, "router/idle": health.idle}


class _Router(NamedTuple):
    """A router's rows of one step."""

    gate_TE: Floats
    load_TF: Floats
    probability_TF: Floats

    @property
    def num_competing(self) -> int:
        return self.load_TF.shape[1]

    @property
    def shared_T(self) -> Floats:
        return self.gate_TE[:, self.num_competing :].sum(1)

    @property
    def selected(self) -> int:
        """k, the experts that a token selects."""
        return round(float(self.load_TF.sum(1).mean()))


def _health(step: int, rows: Rows) -> RouterHealth:
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    places = list(dict.fromkeys((row["layer"], row["site"]) for row in rows))
    routers = [
        _router([row for row in rows if (row["layer"], row["site"]) == place], tasks)
        for place in places
    ]
    sharing = [router for router in routers if router.gate_TE.shape[1] > router.num_competing]
    choosing = [router for router in routers if 0 < router.selected < router.num_competing]
    return RouterHealth(
        step=step,
        uniform=_mean([_uniform(router) for router in sharing]),
        shared=_by_task([router.shared_T for router in sharing], tasks),
        leads=_mean([_leads(router) for router in sharing]),
        token_entropy=_by_task([_token_entropy_T(router) for router in choosing], tasks),
        information=_mean([_information(router) for router in routers]) or 0.0,
        idle=_mean([_idle(router) for router in routers]) or 0.0,
    )


def _router(rows: Rows, tasks: Sequence[str]) -> _Router:
    by_task = [[row for row in rows if row["task"] == task] for task in tasks]
    competing = [[row for row in of_task if row["probability"]] for of_task in by_task]
    return _Router(
        gate_TE=np.array([[float(row["gate"]) for row in of_task] for of_task in by_task]),
        load_TF=np.array([[float(row["share"]) for row in of_task] for of_task in competing]),
        probability_TF=np.array(
            [[float(row["probability"]) for row in of_task] for of_task in competing]
        ),
    )


def _uniform(router: _Router) -> float:
    num_shared = router.gate_TE.shape[1] - router.num_competing
    return num_shared / (router.selected + num_shared)


def _leads(router: _Router) -> float:
    shared_TE, others_TE = np.split(router.gate_TE, [router.num_competing], axis=1)[::-1]
    return float((shared_TE.max(1) > others_TE.max(1)).mean())


def _token_entropy_T(router: _Router) -> Floats:
    chosen, there = math.log(router.selected), math.log(router.num_competing)
    share_TF = router.load_TF / router.load_TF.sum(1, keepdims=True)
    return np.asarray((_entropy(share_TF) - chosen) / (there - chosen)).clip(0, 1)


def _information(router: _Router) -> float:
    return task_information(torch.from_numpy(router.probability_TF))


def _idle(router: _Router) -> float:
    return float((router.load_TF.max(0) < IDLE_SHARE).mean())


def _entropy(share: Floats) -> Floats:
    """Along the last axis, in nats; 0 log 0 is 0."""
    logs = np.log(np.where(share > 0, share, 1.0))
    return np.asarray(-(share * logs).sum(-1))


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None


def _by_task(values_T: Sequence[Floats], tasks: Sequence[str]) -> dict[str, float] | None:
    if not values_T:
        return None
    means = np.mean(np.stack(values_T), axis=0)
    return {task: round(float(mean), 4) for task, mean in zip(tasks, means, strict=True)}
