"""Export of a trained backbone."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from mtl_ase.model import MultiTaskNetwork, save_weights


class BackboneExport(pl.Callback):
    """Writes the trained backbone as a safetensors file that `model.backbone.weights` reads.

    Args:
        path: the file to write at the end of training.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @rank_zero_only
    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the file (rank 0 only)."""
        network = pl_module.network
        assert isinstance(network, MultiTaskNetwork)
        save_weights(backbone_state(network), self.path)


def backbone_state(network: MultiTaskNetwork) -> dict[str, Tensor]:
    """The backbone's weights by timm's names, without LoRA, experts, task embedding and heads."""
    state: dict[str, Tensor] = {
        name.removeprefix("backbone.vit."): value
        for name, value in network.named_parameters()
        if name.startswith("backbone.vit.")
    }
    for index, block in enumerate(network.blocks):
        for name, value in block.block.named_parameters():  # type: ignore[union-attr]
            if not name.endswith(("down_RD", "up_OR")):
                state[f"blocks.{index}.{name.replace('.base.', '.')}"] = value
    return state
