"""Exponential moving averages of the weights."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from mtl_ase.base.errors import UserError


class EMA(WeightAveraging):
    """Averages the weights after every optimiser step; scored and kept are the averages.

    mean <- mean + (1 - decay_t) (weight - mean). Lightning's own form, decay mean + (1 - decay)
    weight, lets frozen weights drift by rounding; here equal stays equal.

    With a ramp decay_t = min(decay, (1 + t) / (10 + t)) at update t = 1, 2, ... after the first
    weights were taken over (source: TensorFlow's ExponentialMovingAverage with num_updates).
    Without it decay_t = decay, and 0.999 keeps 39 % of the first weights after 950 updates. t is
    torch's `n_averaged`, which checkpoints hold; a resumed run keeps the ramp it began with, and
    none if its checkpoint is older than the ramp.

    Args:
        decay: how much of the mean a step keeps, from 0 to 1.
        ramp: let the decay rise to its full value.

    Raises:
        UserError: decay is not between 0 and 1.
    """

    def __init__(self, decay: float = 0.999, ramp: bool = True) -> None:
        if not 0 <= decay <= 1:
            raise UserError(
                f"callbacks.ema.decay={decay} is not between 0 and 1; choose e.g. 0.99."
            )
        super().__init__(use_buffers=True, multi_avg_fn=self._average)
        self.decay, self.ramp = decay, ramp

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The averages take the weights' place, also where a resumed run had no step left."""
        self.on_train_end(trainer, pl_module)

    def decay_at(self, update: int) -> float:
        """The decay of an update, counted from 1."""
        return min(self.decay, (1 + update) / (10 + update)) if self.ramp else self.decay

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs besides the averages."""
        return super().state_dict() | {"ramp": self.ramp}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on as the run began."""
        super().load_state_dict(state_dict)
        self.ramp = state_dict.get("ramp", False)

    def _average(self, means: Any, weights: Any, updates: Tensor | int) -> None:
        get_ema_multi_avg_fn(self.decay_at(int(updates)))(means, weights, updates)
