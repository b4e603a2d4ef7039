"""A warning about experts to which the routers send hardly any token.

Legend: N layers, T tasks, E experts.
"""

from __future__ import annotations

import warnings
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from mtl_ase.base.bounds import Positive, Share
from mtl_ase.training.routing_callback import RoutingCallback


class RouterAlarm(RoutingCallback):
    """Warns when experts get too few tokens, averaged over all tasks, for many steps in a row.

    The first warning comes with the first such expert; another each time their number has doubled.

    Args:
        share: an expert with a smaller share of the tokens counts as idle.
        steps: number of consecutive idle training batches before a warning.
        every_n_steps: batches between checks; only a check synchronises with the GPU.

    Attributes:
        idle_NE: consecutive idle batches of every expert.
        warned: number of idle experts in the last warning.
    """

    def __init__(
        self, share: Share = 0.01, steps: Positive = 200, every_n_steps: Positive = 50
    ) -> None:
        self.share, self.steps, self.every_n_steps = share, steps, every_n_steps
        self.idle_NE: Tensor | None = None
        self.warned = 0
        self.seen = 0

    def state_dict(self) -> dict[str, Any]:
        """Idle batches of every expert, experts in the last warning, batches seen so far."""
        return {"idle": self.idle_NE, "warned": self.warned, "seen": self.seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the counts of the checkpoint."""
        self.idle_NE, self.warned = state_dict["idle"], state_dict["warned"]
        self.seen = state_dict.get("seen", 0)

    def on_routing(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        stats_2NTE: Tensor,
        batch_idx: int,
    ) -> None:
        """Count idle batches; check the counts every `every_n_steps` batches."""
        load_NE = stats_2NTE[1].mean(dim=1)
        if self.idle_NE is None:
            self.idle_NE = torch.zeros_like(load_NE, dtype=torch.int64)
        idle_NE = self.idle_NE.to(load_NE.device)
        self.idle_NE = torch.where(load_NE < self.share, idle_NE + 1, 0)
        self.seen += 1
        if self.seen % self.every_n_steps == 0:
            self._warn_if_more(self.idle_NE >= self.steps)

    def _warn_if_more(self, collapsed_NE: Tensor) -> None:
        count = int(collapsed_NE.sum())
        if count < max(1, 2 * self.warned):
            return
        self.warned = count
        layers = collapsed_NE.any(dim=1).nonzero()[:, 0].tolist()
        warnings.warn(
            f"{count} of {collapsed_NE.numel()} experts got under {100 * self.share:g} % of the "
            f"tokens for {self.steps} steps (layers {', '.join(map(str, layers))}): the routers "
            "may have collapsed; look at router.csv, or raise training.router_weight",
            stacklevel=2,
        )
