"""Types of the values in a config, against what the constructors say they take."""

from __future__ import annotations

import inspect
import pkgutil
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from omegaconf import DictConfig

from mtl_ase.base.errors import UserError
from mtl_ase.config.allow_list import nodes

SCALARS = (bool, int, float, str, NoneType)


def check_values(config: DictConfig, part: str) -> None:
    """Refuse a value of a type that its constructor does not take, before anything is built.

    Hydra hands over any value, and a word where a number belongs would fail somewhere later.

    Args:
        config: the whole config.
        part: key of the part that is about to be built.

    Raises:
        UserError: names the first such value.
    """
    for path, node in nodes(config[part], part):
        target = pkgutil.resolve_name(str(node["_target_"]))
        for name, hint in hints_of(target).items():
            if name in node and not accepts(hint, node[name]):
                raise UserError(
                    f"{path}.{name}={node[name]} has the wrong type for {node['_target_']}; "
                    f"it takes {_said(hint)}."
                )


def accepts(hint: Any, value: object) -> bool:
    """Whether a value of a config may go where this type is asked for; yes where in doubt."""
    if isinstance(hint, UnionType) or get_origin(hint) is Union:
        return any(accepts(part, value) for part in get_args(hint))
    if hint in SCALARS:
        return type(value) is hint or (hint is float and type(value) is int)
    kind = get_origin(hint) or hint
    if hint is Any or not inspect.isclass(kind) or getattr(kind, "_is_protocol", False):
        return True
    return kind is object or type(value) not in SCALARS


def hints_of(target: Any) -> dict[str, Any]:
    """The types of a constructor's arguments; none where they can't be resolved at run time."""
    try:
        return get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except NameError:  # a type of an optional package
        return {}


def _said(hint: Any) -> str:
    if isinstance(hint, UnionType) or get_origin(hint) is Union:
        return " or ".join(_said(part) for part in get_args(hint))
    if hint is NoneType:
        return "null"
    return hint.__name__ if hint in SCALARS else str(hint).replace("collections.abc.", "")
