"""What checkpoints leave out: a backbone's frozen weights that its own file holds already."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.model import MultiTaskNetwork

STATES = ("state_dict", "current_model_state")
"""Where a checkpoint holds weights: what is scored, and beside averages those in training."""


class FrozenWeights:
    """The frozen weights of a network's blocks, if they can be read again from where they came.

    Embeddings are kept in checkpoints, frozen or not: they are small, and resampling them to
    another grid rounds differently on other machines.

    Args:
        network: any; one of another kind, or with a backbone of random weights, leaves nothing out.
        prefix: of its names in a checkpoint.
    """

    def __init__(self, network: object, prefix: str = "network.") -> None:
        self.source = None
        self.values: dict[str, Tensor] = {}
        if isinstance(network, MultiTaskNetwork) and network.backbone.source is not None:
            self.source = network.backbone.source
            self.values = {
                f"{prefix}blocks.{name}": value
                for name, value in network.blocks.named_parameters()
                if not value.requires_grad
            }
        self._sha256: str | None = None

    @property
    def sha256(self) -> str:
        """Of their names, types, shapes and bytes; found once, for they never change."""
        if self._sha256 is None:
            self._sha256 = fingerprint(self.values)
        return self._sha256

    def leave_out(self, checkpoint: dict[str, Any]) -> None:
        """Take them out of a checkpoint, and note where they come from."""
        if not self.values:
            return
        checkpoint["frozen"] = {"source": self.source, "sha256": self.sha256}
        for part in STATES:
            if part in checkpoint:
                checkpoint[part] = {
                    name: value
                    for name, value in checkpoint[part].items()
                    if name not in self.values
                }

    def put_back(self, checkpoint: dict[str, Any]) -> None:
        """Put them into a checkpoint that lacks them.

        Raises:
            UserError: the checkpoint was trained on others.
        """
        if "frozen" not in checkpoint:
            return
        told = checkpoint["frozen"]
        if not self.values or told["sha256"] != self.sha256:
            raise UserError(
                f"the checkpoint was trained on the frozen backbone {told['source']} (SHA-256 "
                f"{told['sha256'][:12]}), but here it is {self.source or 'one of random weights'} "
                f"({self.sha256[:12]}); give that one's file with model.backbone.weights, or train "
                "with checkpoint.full=true."
            )
        for part in STATES:
            if part in checkpoint:
                checkpoint[part] = {**checkpoint[part], **self.values}


def fingerprint(values: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name in sorted(values):
        value = values[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
