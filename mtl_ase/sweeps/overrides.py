"""Reading overrides of the command line: a key, the key's last part, its value."""

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
    """What stands before the equals sign, without the signs for adding and deleting."""
    return override.partition("=")[0].lstrip("+~")


def value_of(override: str) -> str:
    """What stands behind the equals sign."""
    return override.partition("=")[2]


def leaf(key: str) -> str:
    """The last part of a key or config group."""
    return re.split(r"[./]", key.partition("@")[0])[-1]


def is_swept(override: str) -> bool:
    """Whether it gives several values to sweep over."""
    return OverridesParser.create().parse_override(override).is_sweep_override()
