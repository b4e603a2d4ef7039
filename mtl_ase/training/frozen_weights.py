"""Checkpoints without the frozen weights of a pretrained backbone, which its own file holds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.model import MultiTaskNetwork

STATES = ("state_dict", "current_model_state")
"""Keys of a checkpoint that hold weights; with EMA the second one has the unaveraged weights."""
PREFIX = "network."
"""Prefix of the network's weights in a checkpoint."""


class FrozenWeights:
    """The frozen weights of a network whose encoder read them from a file.

    Args:
        network: the network; if its encoder was initialised at random, no weights are left out.
        prefix: prefix of the network's parameter names in a checkpoint.

    Attributes:
        source: where the backbone's weights were read from; None if they are random.
        values: the frozen weights by name in a checkpoint.
    """

    def __init__(self, network: MultiTaskNetwork, prefix: str = PREFIX) -> None:
        encoder = network.encoder
        frozen = {} if encoder.source is None else encoder.frozen_weights()
        self.source = encoder.source
        self.values = {f"{prefix}encoder.{name}": value for name, value in frozen.items()}
        self._sha256: str | None = None

    @property
    def sha256(self) -> str:
        """`fingerprint` of the frozen weights; computed once, since they never change."""
        if self._sha256 is None:
            self._sha256 = fingerprint(self.values)
        return self._sha256

    def leave_out(self, checkpoint: dict[str, Any]) -> None:
        """Replace the frozen weights in a checkpoint, in place, by their source and hash."""
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
        """Insert the frozen weights into a checkpoint that was saved without them, in place.

        Raises:
            UserError: the checkpoint was trained with other frozen weights.
        """
        if "frozen" not in checkpoint:
            return
        saved = checkpoint["frozen"]
        if not self.values or saved["sha256"] != self.sha256:
            raise UserError(
                f"the checkpoint was trained on the frozen backbone {saved['source']} (SHA-256 "
                f"{saved['sha256'][:12]}), but here it is {self.source or 'one of random weights'} "
                f"({self.sha256[:12]}); give that one's file with model.encoder.weights, or train "
                "with checkpoint.full=true."
            )
        for part in STATES:
            if part in checkpoint:
                checkpoint[part] = {**checkpoint[part], **self.values}


def fingerprint(values: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes of tensors, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(values):
        value = values[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
