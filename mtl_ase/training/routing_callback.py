"""Base class of callbacks on the routers' statistics of every training step.

Legend: N layers, T tasks, E experts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from mtl_ase.model import Routing


class RoutingCallback(pl.Callback, ABC):
    """Calls `on_routing` after every step, on rank 0; not for networks without experts."""

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
            self.on_routing(trainer, pl_module, stack_routing(outputs["routing"]), batch_idx)

    @abstractmethod
    def on_routing(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        stats_2NTE: Tensor,
        batch_idx: int,
    ) -> None:
        """Handle a step's mean gate weights and loads (shares of tokens), stats_2NTE."""


def stack_routing(routing: Sequence[Routing]) -> Tensor:
    """Gate weights and loads (shares of tokens) of all layers as one tensor_2NTE."""
    gates = torch.stack([layer.gate_TE for layer in routing])
    loads = torch.stack([layer.load_TE for layer in routing])
    return torch.stack([gates, loads]).detach()
