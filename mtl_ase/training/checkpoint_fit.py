"""Checks that a checkpoint's weights match the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mtl_ase.base.differences import differences
from mtl_ase.base.errors import UserError

NOTE = {"source", "sha256"}
"""Keys of a checkpoint's entry about the frozen weights that it leaves out."""


def check_content(checkpoint: Mapping[str, Any]) -> None:
    """Check that the content is a checkpoint of a run.

    Raises:
        UserError: it has no state dict, or a malformed entry about left out weights.
    """
    weights, note = checkpoint.get("state_dict"), checkpoint.get("frozen")
    has_weights = isinstance(weights, dict) and all(
        isinstance(value, Tensor) for value in weights.values()
    )
    if not has_weights or not (note is None or (isinstance(note, dict) and note.keys() >= NOTE)):
        raise UserError("the checkpoint holds no weights of a run; choose one that train.py wrote.")


def check_fits(checkpoint: Mapping[str, Any], own: Mapping[str, Tensor]) -> None:
    """Check that names and shapes of the weights are the network's.

    Args:
        checkpoint: checkpoint with all weights, including those that its file leaves out.
        own: the network's state dict.

    Raises:
        UserError: they differ; names the differences.
    """
    found = differences(_shapes(checkpoint["state_dict"]), _shapes(own))
    if found:
        raise UserError(
            f"the checkpoint is of another network or other tasks ({found}); give the config that "
            "it was trained with."
        )


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in weights.items()}
