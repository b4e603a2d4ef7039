"""Parts of a command-line override: key, last part of the key, value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import ListConfig, OmegaConf


def as_typed(overrides: Sequence[str]) -> list[str]:
    """Hydra's list of overrides as the user wrote them.

    An interpolation in an override refers to the run's config, not to where Hydra lists it.
    """
    content = OmegaConf.to_container(cast(ListConfig, overrides), resolve=False)
    return cast(list[str], content)


def key_of(override: str) -> str:
    """The key before the equals sign, without Hydra's prefixes +, ++ and ~."""
    return override.partition("=")[0].lstrip("+~")


def value_of(override: str) -> str:
    """The text after the equals sign."""
    return override.partition("=")[2]


def leaf(key: str) -> str:
    """The last part of a key or config group, e.g. "rank" of "model.adapter.rank"."""
    return re.split(r"[./]", key.partition("@")[0])[-1]


def is_swept(override: str) -> bool:
    """Whether an override gives several values to sweep over."""
    return OverridesParser.create().parse_override(override).is_sweep_override()
