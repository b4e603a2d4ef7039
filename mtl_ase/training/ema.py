"""Exponential moving averages of the weights."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from mtl_ase.base.errors import UserError


class EMA(WeightAveraging):
    """Averages the weights after every optimiser step; the averages are validated and saved.

    mean <- mean + (1 - decay_t) (weight - mean). Lightning's own form, decay mean + (1 - decay)
    weight, lets frozen weights drift by rounding; this form leaves them bit-identical.

    With a ramp, decay_t = min(decay, (1 + t) / (10 + t)) at update t = 1, 2, ... after the average
    was initialised (source: TensorFlow's ExponentialMovingAverage with num_updates). Without it
    decay_t = decay, and 0.999 keeps 39 % of the initial weights after 950 updates. t is torch's
    `n_averaged`, which checkpoints contain. A resumed run keeps the setting of its checkpoint; one
    from before this option existed has no ramp.

    Args:
        decay: factor of the mean in each update, from 0 to 1.
        ramp: increase the decay gradually to its full value.

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
        """Replace the weights by the averages, also if a resumed run had no step left."""
        self.on_train_end(trainer, pl_module)

    def decay_at(self, update: int) -> float:
        """The decay of an update, counted from 1."""
        return min(self.decay, (1 + update) / (10 + update)) if self.ramp else self.decay

    def state_dict(self) -> dict[str, Any]:
        """The ramp setting; the averages are saved separately."""
        return super().state_dict() | {"ramp": self.ramp}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the checkpoint's ramp setting."""
        super().load_state_dict(state_dict)
        self.ramp = state_dict.get("ramp", False)

    def _average(self, means: Any, weights: Any, updates: Tensor | int) -> None:
        get_ema_multi_avg_fn(self.decay_at(int(updates)))(means, weights, updates)
