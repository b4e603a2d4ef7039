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

from omegaconf import DictConfig, OmegaConf

from mtl_ase.config.composing import compose_with_hydra, take_hydra_node

_load = OmegaConf.load


def composed(*overrides: str) -> DictConfig:
    """A config, yours to change."""
    return take_hydra_node(pickle.loads(_pickled(overrides)))


@functools.cache
def _pickled(overrides: tuple[str, ...]) -> bytes:
    with mock.patch.object(OmegaConf, "load", _loaded):
        return pickle.dumps(compose_with_hydra(overrides))


def _loaded(file: TextIO) -> Any:
    """The content of a YAML file, read once; it does not change in the course of the tests."""
    return pickle.loads(_pickled_file(Path(file.name)))


@functools.cache
def _pickled_file(path: Path) -> bytes:
    return pickle.dumps(_load(path))
