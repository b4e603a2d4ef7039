"""Configs as train.py would get them, each composed once in a process.

Composing takes longer than most tests of what is composed, and a third of it is reading the same
YAML files. Pickles are kept, since they are copied faster than configs are.
"""

from __future__ import annotations

import functools
import pickle
from pathlib import Path
from typing import Any, TextIO
from unittest import mock

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from mtl_ase.config import CONFIGS
from mtl_ase.config.resolvers import register_resolvers

_load = OmegaConf.load


def composed_with_hydra(*overrides: str) -> DictConfig:
    """A config with its `hydra` node, yours to change."""
    config: DictConfig = pickle.loads(_pickled(overrides))
    return config


@functools.cache
def _pickled(overrides: tuple[str, ...]) -> bytes:
    register_resolvers()
    with (
        mock.patch.object(OmegaConf, "load", _loaded),
        initialize_config_dir(str(CONFIGS), version_base="1.3"),
    ):
        return pickle.dumps(compose("train", list(overrides), return_hydra_config=True))


def _loaded(file: TextIO) -> Any:
    """The content of a YAML file, read once; it does not change in the course of the tests."""
    return pickle.loads(_pickled_file(Path(file.name)))


@functools.cache
def _pickled_file(path: Path) -> bytes:
    return pickle.dumps(_load(path))
