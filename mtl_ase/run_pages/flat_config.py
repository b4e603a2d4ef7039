"""A run's config as values by dotted key, without what only says where it ran."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

PLACES = ("run_dir", "resume", "data.root", "data.num_workers")
SEEDS = ("seed", "data.seed", "training.seed")
RUN = "RUN"
"""Stands for the run folder in other values."""
Flat = dict[str, str]


def flat_config(config: DictConfig) -> Flat:
    """The values as text by key; the run folder in them is replaced by "RUN"."""
    content = OmegaConf.to_container(config, resolve=False)
    trainer = config.get("trainer") or {}
    folder = str(trainer.get("default_root_dir") or "")
    return {key: _text(value, folder) for key, value in _leaves(content, "") if key not in PLACES}


def without_seeds(flat: Flat) -> Flat:
    """What is the same in runs that differ in their seed alone."""
    return {key: value for key, value in flat.items() if key not in SEEDS}


def _leaves(content: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Values by dotted key; lists of numbers and names are values, lists of nodes are not."""
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(content, list) and any(isinstance(value, dict) for value in content):
        for number, value in enumerate(content):
            yield from _leaves(value, f"{path}.{number}")
    else:
        yield path, content


def _text(value: Any, folder: str) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text.replace(folder, RUN) if len(folder) > 1 and Path(folder).is_absolute() else text
