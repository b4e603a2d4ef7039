"""What was trained, as safetensors: written to a folder, and read back.

The folder holds `adapters.safetensors`, the run's `config.yaml`, and `export.json`. The weights are
those that checkpoints hold: all but frozen weights of the backbone that its own file has
(`mtl_ase.training.frozen_weights`). Position and patch embeddings are among them: resampling them
rounds differently on other machines.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mtl_ase.base.atomic_files import write_json
from mtl_ase.base.errors import UserError
from mtl_ase.build import read_resolved
from mtl_ase.export.facts import Facts
from mtl_ase.export.shared_config import shared_config
from mtl_ase.export.trained_run import TrainedRun
from mtl_ase.training.checkpoint_files import sha256
from mtl_ase.training.frozen_weights import PREFIX

WEIGHTS, CONFIG, FACTS = "adapters.safetensors", "config.yaml", "export.json"
VERSION = 1
"""Version of the layout; raised when older programs would misread the files."""


def write_adapters(trained: TrainedRun, facts: Facts, folder: Path) -> None:
    """Write the trained weights, the config and the facts into a folder.

    Args:
        trained: the run.
        facts: what is known of it, see `facts_of`.
        folder: an existing folder.
    """
    weights = {name: value.contiguous() for name, value in trained.weights.items()}
    metadata = {
        "format": "pt",
        "mtl_ase": facts["versions"]["mtl_ase"],
        "tasks": ",".join(trained.tasks),
        "backbone_source": str(facts["backbone"]["source"]),
        "backbone_sha256": str(facts["backbone"]["sha256"]),
        "licence": facts["licence"],
    }
    save_file(weights, folder / WEIGHTS, metadata)
    (folder / CONFIG).write_text(OmegaConf.to_yaml(shared_config(trained.config)), encoding="utf-8")
    layout = {"format": "adapters", "version": VERSION, "sha256": sha256(folder / WEIGHTS)}
    write_json(folder / FACTS, {**layout, **facts, "frozen": trained.frozen})


def is_exported(folder: Path) -> bool:
    """Whether a folder holds exported adapters, and not e.g. a run."""
    return (folder / WEIGHTS).is_file()


def read_adapters(folder: Path) -> tuple[DictConfig, dict[str, Any]]:
    """Read exported adapters.

    `mtl_ase.build.restored_network` makes the network of them, and compares names, shapes and the
    backbone's SHA-256.

    Args:
        folder: the exported folder.

    Returns:
        The config, and the weights in the form of a checkpoint: `state_dict` with the names of
        checkpoints and, if the backbone's frozen weights are left out, `frozen` with their source
        and SHA-256.

    Raises:
        UserError: a file is missing or damaged, or of a newer version.
    """
    layout = _layout(folder)
    path = folder / WEIGHTS
    if not path.is_file() or sha256(path) != layout["sha256"]:
        raise UserError(
            f"{path} is missing or damaged: its bytes are not those that {FACTS} names; export the "
            "run again, or download the whole folder."
        )
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise UserError(
            f"{path} is no safetensors file ({error}); export the run again."
        ) from error
    content: dict[str, Any] = {"state_dict": {PREFIX + name: w for name, w in weights.items()}}
    if layout["frozen"] is not None:
        content["frozen"] = layout["frozen"]
    return read_resolved(folder / CONFIG), content


def _layout(folder: Path) -> dict[str, Any]:
    """The content of export.json, with format and version checked."""
    path = folder / FACTS
    try:
        content = dict(json.loads(path.read_text(encoding="utf-8")))
        version = int(content["version"])
        known = content["format"] == "adapters" and content.keys() >= {"sha256", "frozen"}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} can't be read ({error}); give a folder of export.py format=adapters."
        ) from error
    if not known:
        raise UserError(f"{folder} holds no exported adapters; export with format=adapters.")
    if version > VERSION:
        raise UserError(f"{folder} is of a newer version ({version}) of mtl_ase; update yours.")
    return content
