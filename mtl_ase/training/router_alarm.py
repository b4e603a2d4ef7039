"""Warnings about routers that have collapsed: idle experts, faded shared ones, walled-off tasks.

Legend: T tasks, E experts.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import lightning.pytorch as pl

from mtl_ase.base.bounds import Positive, Share
from mtl_ase.losses import task_information
from mtl_ase.model import Routing
from mtl_ase.training.routing_callback import RoutingCallback

COUNTS = ("idle", "faded", "walled", "warned", "seen")
"""The attributes that a checkpoint keeps."""


class RouterAlarm(RoutingCallback):
    """Warns when something has been wrong with the routers for many steps in a row.

    An expert is idle if it gets too few tokens, averaged over all tasks; shared experts get all
    tokens, so they have faded if their weight is too small; tasks are walled off if the routers
    tell them apart so well that hardly an expert serves two. The first warning comes with the
    first idle expert, another each time their number has doubled; of the others comes one each.

    Args:
        share: an expert with a smaller share of the tokens counts as idle.
        shared: the least weight of all shared experts together, mean over routers and tasks.
        information: the most mutual information between tasks and experts, over its maximum, mean
            over routers.
        steps: number of training batches that it must be so for, in all checks.
        every_n_steps: batches between checks; only a check synchronises with the GPU.

    Attributes:
        idle: for every router the batches that each of its experts has been idle for.
        faded: the batches that the shared experts have been faded for.
        walled: the batches that tasks have been walled off for.
        warned: number of idle experts in the last warning.
        seen: number of batches so far.
    """

    def __init__(
        self,
        share: Share = 0.01,
        shared: Share = 0.05,
        information: Share = 0.7,
        steps: Positive = 200,
        every_n_steps: Positive = 50,
    ) -> None:
        self.share, self.shared, self.information = share, shared, information
        self.steps, self.every_n_steps = steps, every_n_steps
        self.idle: list[list[int]] = []
        self.faded = self.walled = 0
        self.warned = 0
        self.seen = 0

    def state_dict(self) -> dict[str, Any]:
        """What it has counted."""
        return {name: getattr(self, name) for name in COUNTS}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the counts of the checkpoint."""
        for name in COUNTS:
            setattr(self, name, state_dict[name])

    def on_routing(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, routing: Sequence[Routing]
    ) -> None:
        """Check every `every_n_steps` batches."""
        self.seen += 1
        if self.seen % self.every_n_steps:
            return
        before = self.idle or [[0] * router.gate_TBLE.shape[-1] for router in routing]
        self.idle = [
            [count + self.every_n_steps if load < self.share else 0 for count, load in pairs]
            for pairs in (
                zip(counts, router.load_TE().mean(0).tolist(), strict=True)
                for counts, router in zip(before, routing, strict=True)
            )
        ]
        self._warn_if_more(routing)
        weights = list(_shared_weights(routing))
        if weights:
            weight = sum(weights) / len(weights)
            self.faded = self._count(self.faded, weight < self.shared)
            self._warn_if_faded(weight)
        information = _information(routing)
        self.walled = self._count(self.walled, information > self.information)
        self._warn_if_walled(information)

    def _count(self, before: int, wrong: bool) -> int:
        return before + self.every_n_steps if wrong else 0

    def _begins(self, count: int) -> bool:
        """Whether a count reaches the number of steps with this check."""
        return self.steps <= count < self.steps + self.every_n_steps

    def _warn_if_faded(self, weight: float) -> None:
        if self._begins(self.faded):
            _warn(
                f"the shared experts' weight has been under {100 * self.shared:g} % for "
                f"{self.steps} steps (now {100 * weight:.2g} %)",
                "lower training.regularisers.mutual_information.weight or "
                "model.adapter.router_lr_factor",
            )

    def _warn_if_walled(self, information: float) -> None:
        if self._begins(self.walled):
            _warn(
                "the mutual information between tasks and experts has been over "
                f"{100 * self.information:g} % of its maximum for {self.steps} steps (now "
                f"{100 * information:.2g} %), so hardly an expert serves two tasks",
                "lower training.regularisers.mutual_information.weight",
            )

    def _warn_if_more(self, routing: Sequence[Routing]) -> None:
        idle = [sum(count >= self.steps for count in counts) for counts in self.idle]
        if sum(idle) < max(1, 2 * self.warned):
            return
        self.warned = sum(idle)
        layers = dict.fromkeys(
            router.layer for router, count in zip(routing, idle, strict=True) if count
        )
        _warn(
            f"{sum(idle)} of {sum(map(len, self.idle))} experts got under {100 * self.share:g} % "
            f"of the tokens for {self.steps} steps (layers {', '.join(map(str, layers))}): the "
            "routers may have collapsed",
            "raise model.adapter.noise_std or training.regularisers.load_balance.weight",
        )


def _warn(what: str, advice: str) -> None:
    warnings.warn(f"{what}; look at router.csv, or {advice}", stacklevel=2)


def _shared_weights(routing: Sequence[Routing]) -> Iterator[float]:
    """The mean weight of all shared experts of every router that has some."""
    for router in routing:
        competing = router.logits_TBLE.shape[-1]
        if router.gate_TBLE.shape[-1] > competing:
            yield float(router.gate_TE()[:, competing:].sum(1).mean())


def _information(routing: Sequence[Routing]) -> float:
    """The routers' mean information on the task; those of one expert or one task have none."""
    probabilities = [router.prob_TE() for router in routing]
    found = [task_information(prob_TE) for prob_TE in probabilities if min(prob_TE.shape) > 1]
    return sum(found) / len(found) if found else 0.0
