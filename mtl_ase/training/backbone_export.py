"""Export of a trained backbone."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_only

from mtl_ase.model.encoders import save_weights


class BackboneExport(pl.Callback):
    """Writes the trained backbone as a safetensors file that `model.encoder.weights` reads.

    Args:
        path: the file to write at the end of training.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @rank_zero_only
    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the file (rank 0 only)."""
        save_weights(pl_module.network.encoder.backbone_state(), self.path)  # type: ignore[union-attr, operator]
