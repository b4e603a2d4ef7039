"""What adapters do after a training step."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl


class AfterStep(pl.Callback):
    """Lets every adapter see what its router decided, on all processes.

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
        """Pass the routing to the encoder; a batch that is left out has none."""
        if outputs and outputs["routing"]:
            pl_module.network.encoder.after_step(outputs["routing"])  # type: ignore[union-attr, operator]
