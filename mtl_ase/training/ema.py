"""Exponential moving averages of the weights."""

from __future__ import annotations

import lightning.pytorch as pl
from lightning.pytorch.callbacks import WeightAveraging
from torch.optim.swa_utils import get_ema_multi_avg_fn

from mtl_ase.base.errors import UserError


class EMA(WeightAveraging):
    """Averages the weights after every optimiser step; scored and kept are the averages.

    mean <- mean + (1 - decay) (weight - mean). Lightning's own form, decay mean + (1 - decay)
    weight, lets frozen weights drift by rounding; here equal stays equal.

    Args:
        decay: how much of the mean a step keeps, from 0 to 1.

    Raises:
        UserError: decay is not between 0 and 1.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay <= 1:
            raise UserError(
                f"callbacks.ema.decay={decay} is not between 0 and 1; choose e.g. 0.99."
            )
        super().__init__(use_buffers=True, multi_avg_fn=get_ema_multi_avg_fn(decay))

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The averages take the weights' place, also where a resumed run had no step left."""
        self.on_train_end(trainer, pl_module)
