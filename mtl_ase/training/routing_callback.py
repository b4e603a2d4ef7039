"""Base class of callbacks on what the routers decided in a training step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_only

from mtl_ase.model import Routing


class RoutingCallback(pl.Callback, ABC):
    """Calls `on_routing` after every step, on rank 0; not for networks without routers."""

    @rank_zero_only
    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Pass the step's routing to `on_routing`, unless its batch was skipped."""
        if outputs and outputs["routing"]:
            self.on_routing(trainer, pl_module, outputs["routing"])

    @abstractmethod
    def on_routing(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, routing: Sequence[Routing]
    ) -> None:
        """Look at the routing of a batch; its statistics are computed when asked for."""
