"""Whether a checkpoint's weights are those of the network at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mtl_ase.base.differences import differences
from mtl_ase.base.errors import UserError

NOTE = {"source", "sha256"}
"""What a checkpoint says of the frozen weights that it leaves out."""


def check_content(checkpoint: Mapping[str, Any]) -> None:
    """Refuse what is no checkpoint of a run.

    Raises:
        UserError: it has no weights by name, or a note of left out weights that is none.
    """
    weights, note = checkpoint.get("state_dict"), checkpoint.get("frozen")
    has_weights = isinstance(weights, dict) and all(
        isinstance(value, Tensor) for value in weights.values()
    )
    if not has_weights or not (note is None or (isinstance(note, dict) and note.keys() >= NOTE)):
        raise UserError("the checkpoint holds no weights of a run; choose one that train.py wrote.")


def check_fits(checkpoint: Mapping[str, Any], own: Mapping[str, Tensor]) -> None:
    """Refuse weights of other names or shapes than the network's.

    Args:
        checkpoint: with all weights, also those that its file left out.
        own: the network's weights.

    Raises:
        UserError: they differ; says where.
    """
    found = differences(_shapes(checkpoint["state_dict"]), _shapes(own))
    if found:
        raise UserError(
            f"the checkpoint is of another network or other tasks ({found}); give the config that "
            "it was trained with."
        )


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in weights.items()}
