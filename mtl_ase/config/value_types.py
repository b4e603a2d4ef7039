"""Checks the values in a config against the type hints of the constructors."""

from __future__ import annotations

import inspect
import math
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from omegaconf import DictConfig

from mtl_ase.base.bounds import Bounds
from mtl_ase.base.errors import UserError
from mtl_ase.config.allow_list import nodes

SCALARS = (bool, int, float, str, NoneType)


def check_values(config: DictConfig, part: str) -> None:
    """Reject a value of the wrong type before anything is built.

    Hydra passes any value on, so a string instead of a number would fail somewhere later.

    Args:
        config: the whole config.
        part: key of the part that is about to be built.

    Raises:
        UserError: names the first such value.
    """
    for path, node in nodes(config[part], part):
        for name, hint in hints_of(pkgutil.resolve_name(str(node["_target_"]))).items():
            if name in node:
                check_value(hint, node[name], f"{path}.{name}", f" for {node['_target_']}")


def check_value(hint: Any, value: object, key: str, required_by: str = "") -> None:
    """Reject a value that is not of a type.

    Args:
        hint: the type; may be a `Literal`, or be annotated with `Bounds`.
        value: the value to check.
        key: its key in the config.
        required_by: what requires the type, for the message: "" or " for TARGET".

    Raises:
        UserError: names the value, its key and the type.
    """
    if accepts(hint, value):
        return
    for place, inner, item in _items(hint, value):
        check_value(inner, item, f"{key}{place}", required_by)
    raise UserError(
        f"{key}={_as_yaml(value)} does not fit{required_by}; it takes {_type_name(hint)}."
    )


def accepts(hint: Any, value: object) -> bool:
    """Whether a config value is valid for a type hint; true for hints that are not understood."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return accepts(inner[0], value) and _lies_within(value, inner[1:])
    if origin in (Union, UnionType):
        return any(accepts(part, value) for part in inner)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in inner)
    if hint in SCALARS:
        return _is_scalar(hint, value)
    if hint in (Any, object) or not inspect.isclass(origin or hint):
        return True
    if getattr(hint, "_is_protocol", False):
        return True
    return _is_container(origin or hint, inner, value) and all(
        accepts(part, item) for _, part, item in _items(hint, value)
    )


def hints_of(target: Any) -> dict[str, Any]:
    """The type hints of a constructor; empty if they can't be resolved at run time."""
    function = target.__init__ if inspect.isclass(target) else target
    try:
        return get_type_hints(function, include_extras=True)
    except NameError:  # a type of a missing optional package
        return {}


def _is_scalar(hint: Any, value: object) -> bool:
    if type(value) is float and math.isnan(value):
        return False
    return type(value) is hint or (hint is float and type(value) is int)


def _lies_within(value: object, bounds: Iterable[Any]) -> bool:
    return not isinstance(value, int | float) or all(
        bound.hold(value) for bound in bounds if isinstance(bound, Bounds)
    )


def _is_container(kind: type, inner: Sequence[Any], value: object) -> bool:
    """Whether a list, mapping or `_target_` node is valid for a class."""
    if isinstance(value, Mapping):
        return "_target_" in value or isinstance(value, kind)
    if not isinstance(value, list):
        return False
    if kind is tuple and inner and inner[-1] is not ...:
        return len(value) == len(inner)
    return issubclass(kind, tuple | AbstractSet) or isinstance(value, kind)


def _items(hint: Any, value: object) -> Iterator[tuple[str, Any, object]]:
    """(path suffix, type hint, value) of the items of a list or mapping."""
    origin, inner = get_origin(hint), get_args(hint)
    if not inspect.isclass(origin) or not inner:
        return
    if isinstance(value, Mapping) and issubclass(origin, Mapping) and "_target_" not in value:
        for key, item in value.items():
            yield f".{key}", inner[1], item
    elif isinstance(value, list) and _is_container(origin, inner, value):
        several = origin is not tuple or inner[-1] is ...
        for index, item in enumerate(value):
            yield f"[{index}]", inner[0 if several else index], item


def _as_yaml(value: object) -> str:
    """A value as a config writes it."""
    names: dict[object, str] = {True: "true", False: "false", None: "null"}
    return names[value] if isinstance(value, bool | None) else str(value)


def _type_name(hint: Any) -> str:
    return " or ".join(dict.fromkeys(_choices(hint)))


def _choices(hint: Any) -> Iterator[str]:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        yield " ".join([_type_name(inner[0]), *(str(part) for part in inner[1:])])
    elif origin in (Union, UnionType):
        for part in inner:
            yield from _choices(part)
    elif origin is Literal:
        yield from map(str, inner)
    elif hint is NoneType:
        yield "null"
    elif origin is tuple and inner[-1] is not ...:
        yield f"[{', '.join(map(_type_name, inner))}]"
    else:
        plain = inspect.isclass(hint) and origin is None
        yield hint.__name__ if plain else str(hint).replace("collections.abc.", "")
