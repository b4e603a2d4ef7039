"""Checks that trainer, loggers and callbacks write only below the run folder."""

from __future__ import annotations

import os
import pkgutil
from pathlib import Path
from typing import Any, get_args

from omegaconf import DictConfig

from mtl_ase.base.errors import UserError
from mtl_ase.config.allow_list import nodes, strings
from mtl_ase.config.value_types import hints_of

PARTS = ("trainer", "logger", "callbacks")


def check_paths(config: DictConfig, run: Path) -> None:
    """Reject a trainer, logger or callback that would write outside of the run folder.

    Checked are values whose type hint is a path, and any string that is an absolute path, contains
    ~ or .., or is a URL.

    Args:
        config: the whole config.
        run: the run folder.

    Raises:
        UserError: names the first such value.
    """
    for part in PARTS:
        for place, node in nodes(config[part], part):
            hints = hints_of(pkgutil.resolve_name(str(node["_target_"])))
            own = {key: value for key, value in node.items() if not _is_node(value)}
            for key, text in strings(own):
                is_path = _is_path_type(hints.get(key))
                if (is_path or _points_outside(text)) and not _is_below(text, run):
                    raise UserError(
                        f"{place}.{key}={text} lies outside of the run folder {run}; give a path "
                        "in it, e.g. ${hydra:runtime.output_dir}/NAME, or another run_dir."
                    )


def _is_node(value: object) -> bool:
    return isinstance(value, dict) and "_target_" in value


def _is_path_type(hint: Any) -> bool:
    return any(part in (Path, os.PathLike) for part in (hint, *get_args(hint)))


def _points_outside(text: str) -> bool:
    return text.startswith(("/", "~")) or ".." in Path(text).parts or "://" in text


def _is_below(text: str, run: Path) -> bool:
    try:
        return Path(text).expanduser().resolve().is_relative_to(run.resolve())
    except (OSError, RuntimeError, ValueError):  # unknown ~user, a loop of links, a null byte
        return False
