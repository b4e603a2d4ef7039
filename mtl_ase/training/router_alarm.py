"""A warning about experts to which the routers send hardly any token.

Legend: T tasks, E experts.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl

from mtl_ase.base.bounds import Positive, Share
from mtl_ase.model import Routing
from mtl_ase.training.routing_callback import RoutingCallback


class RouterAlarm(RoutingCallback):
    """Warns when experts get too few tokens, averaged over all tasks, for many steps in a row.

    The first warning comes with the first such expert; another each time their number has doubled.

    Args:
        share: an expert with a smaller share of the tokens counts as idle.
        steps: number of training batches that an expert must be idle for, in all checks.
        every_n_steps: batches between checks; only a check synchronises with the GPU.

    Attributes:
        idle: for every router the batches that each of its experts has been idle for.
        warned: number of idle experts in the last warning.
        seen: number of batches so far.
    """

    def __init__(
        self, share: Share = 0.01, steps: Positive = 200, every_n_steps: Positive = 50
    ) -> None:
        self.share, self.steps, self.every_n_steps = share, steps, every_n_steps
        self.idle: list[list[int]] = []
        self.warned = 0
        self.seen = 0

    def state_dict(self) -> dict[str, Any]:
        """Idle batches of every expert, experts in the last warning, batches seen so far."""
        return {"idle": self.idle, "warned": self.warned, "seen": self.seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the counts of the checkpoint."""
        self.idle, self.warned = state_dict["idle"], state_dict["warned"]
        self.seen = state_dict["seen"]

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

    def _warn_if_more(self, routing: Sequence[Routing]) -> None:
        idle = [sum(count >= self.steps for count in counts) for counts in self.idle]
        if sum(idle) < max(1, 2 * self.warned):
            return
        self.warned = sum(idle)
        layers = dict.fromkeys(
            router.layer for router, count in zip(routing, idle, strict=True) if count
        )
        warnings.warn(
            f"{sum(idle)} of {sum(map(len, self.idle))} experts got under {100 * self.share:g} % "
            f"of the tokens for {self.steps} steps (layers {', '.join(map(str, layers))}): the "
            "routers may have collapsed; look at router.csv, or raise "
            "training.regularisers.mutual_information.weight",
            stacklevel=2,
        )
