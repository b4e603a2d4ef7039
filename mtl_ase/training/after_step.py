"""What adapters and the balancing rule do after a training step."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl


class AfterStep(pl.Callback):
    """Calls the module's `after_step` on all processes.

    Not a hook of the module: Lightning calls those after the callbacks that write checkpoints.
    """

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Pass the batch on, unless it was left out."""
        if outputs and "losses" in outputs:
            pl_module.after_step(batch, outputs)  # type: ignore[operator]
