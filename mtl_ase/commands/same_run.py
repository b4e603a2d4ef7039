"""A check that a checkpoint belongs to a run with the same config."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mtl_ase.base.differences import differences
from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import run_of
from mtl_ase.build import read_resolved
from mtl_ase.machine.precision import AUTOMATIC

MAY_DIFFER = (
    "model.encoder.weights",
    "model.encoder.pretrained",
    "model.encoder.activation_checkpointing",
    "model.encoder.stl",
    "model.decoder.stl",
)
"""Keys of `model` that may change on resuming: source of the weights, memory saving."""


def check_same_run(checkpoint: Path, config: DictConfig) -> None:
    """Reject a checkpoint of another network, other tasks, other data or another seed.

    Args:
        checkpoint: a file RUN/checkpoints/NAME.ckpt; RUN/config.yaml is compared if it exists.
        config: the config of the run that resumes from the checkpoint.

    Raises:
        UserError: the configs differ (the message lists the keys), or config.yaml is no config.
    """
    path = run_of(checkpoint).config
    if not path.is_file():
        return
    saved = read_resolved(path)
    if found := differences(run_identity(saved), run_identity(config)):
        raise UserError(
            f"{checkpoint} is of another run ({found}); resume with the same config, or start anew "
            "with another run_dir."
        )


def keep_precision(checkpoint: Path, config: DictConfig) -> None:
    """Go on in the precision that the run was started in, unless another one is asked for.

    Args:
        checkpoint: a file RUN/checkpoints/NAME.ckpt; RUN/config.yaml is read if it exists.
        config: the config of the run that resumes; changed.
    """
    path = run_of(checkpoint).config
    asked = OmegaConf.to_container(config.trainer, resolve=False)
    if path.is_file() and asked["precision"] == AUTOMATIC:  # type: ignore[call-overload, index]
        saved = OmegaConf.select(read_resolved(path), "trainer.precision")
        config.trainer.precision = saved or config.trainer.precision


def run_identity(config: DictConfig) -> dict[str, Any]:
    """Values that may not change on resuming, by dotted key: network, data, task order, seed."""
    content = {
        "model": OmegaConf.to_container(config.model, resolve=True),
        "data": {
            "name": config.data.name,
            "image_size": list(config.data.image_size),
            "stages": _stages(config),
        },
        "tasks": {name: {"channels": task.channels} for name, task in config.tasks.items()},
        "task axis": list(map(str, config.tasks)),
        "seed": config.get("seed"),
    }
    return {key: value for key, value in _flat(content, "") if key not in MAY_DIFFER}


def _stages(config: DictConfig) -> Any:
    stages = config.data.get("stages")
    return None if stages is None else OmegaConf.to_container(stages)


def _flat(content: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from _flat(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, content
