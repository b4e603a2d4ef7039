"""Callbacks that look at what the routers do in every training step.

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
    """Hands over every step's routing, in the first process; none of networks without experts."""

    @rank_zero_only
    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Stack the routing of the step, unless its batch was left out."""
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
        """Look at a step's gate weights and shares of tokens."""


def stack_routing(routing: Sequence[Routing]) -> Tensor:
    """Gate weights and shares of tokens of all layers as one tensor_2NTE."""
    gates = torch.stack([layer.gate_TE for layer in routing])
    loads = torch.stack([layer.load_TE for layer in routing])
    return torch.stack([gates, shares]).detach()
