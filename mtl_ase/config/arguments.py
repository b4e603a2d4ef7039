"""Checks the arguments in a config against the signatures of their targets."""

from __future__ import annotations

import difflib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from omegaconf import DictConfig, OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.config.value_types import hints_of

RESERVED = ("_target_", "_partial_", "_recursive_", "_convert_")
"""Keys with a special meaning for `hydra.utils.instantiate`."""


class AtCall(NamedTuple):
    """Arguments that the code passes when it calls a target, in addition to the config's.

    Attributes:
        names: names of the keyword arguments.
        positional: number of positional arguments.
    """

    names: frozenset[str] = frozenset()
    positional: int = 0


def check_arguments(content: object, path: str, names: Iterable[str] = ()) -> None:
    """Reject a misspelt, duplicate or missing argument before anything of a part is built.

    The later arguments of a `_partial_` node follow from the type hint of the parameter that it is
    passed to: `Callable[[nn.Module], None]` adds one positional argument, a `Protocol` with
    `__call__(*, width: int)` the keyword argument `width`.

    Args:
        content: the part of the config that is about to be built.
        path: its key in the whole config.
        names: keyword arguments that the code passes to the part's own target.

    Raises:
        UserError: names the first argument that does not fit.
    """
    if isinstance(content, DictConfig):
        content = OmegaConf.to_container(content, resolve=True)
    for place, node, at_call in _calls(content, path, AtCall(frozenset(names))):
        _bind(place, node, at_call)


def _calls(
    content: object, path: str, at_call: AtCall | None
) -> Iterator[tuple[str, Mapping[str, Any], AtCall | None]]:
    """(path, node, arguments that the code adds) of every node; None if these are unknown."""
    if isinstance(content, Mapping):
        types = {}
        if "_target_" in content:
            yield path, content, at_call
            types = hints_of(pkgutil.resolve_name(str(content["_target_"])))
        for key, value in content.items():
            yield from _calls(value, f"{path}.{key}", _later(value, types.get(key)))
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from _calls(value, f"{path}[{index}]", _later(value, None))


def _later(value: object, hint: Any) -> AtCall | None:
    """The arguments that the code will pass to a callable value, from its type hint."""
    if not (isinstance(value, Mapping) and value.get("_partial_")):
        return AtCall()
    if get_origin(hint) in (Union, UnionType):
        return next((_later(value, part) for part in get_args(hint) if _is_called(part)), None)
    if not _is_called(hint):
        return None
    if inspect.isclass(hint):
        parameters = list(inspect.signature(hint.__call__).parameters.values())[1:]
        named = [parameter for parameter in parameters if parameter.kind == parameter.KEYWORD_ONLY]
        names = frozenset(parameter.name for parameter in named)
        return AtCall(names, len(parameters) - len(named))
    taken = (get_args(hint) or (...,))[0]
    return None if taken is ... else AtCall(positional=len(taken))


def _is_called(hint: Any) -> bool:
    """Whether a type hint is a `Callable` or a `Protocol` with `__call__`."""
    protocol = getattr(hint, "_is_protocol", False) and "__call__" in vars(hint)
    return protocol or get_origin(hint) is Callable


def _bind(path: str, node: Mapping[str, Any], at_call: AtCall | None) -> None:
    target = str(node["_target_"])
    try:
        parameters = list(inspect.signature(pkgutil.resolve_name(target)).parameters.values())
    except ValueError:  # a C function without a signature
        return
    named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    given = [key for key in node if key not in RESERVED]
    if "_args_" in given:
        raise UserError(f"{path}._args_ gives arguments without their names; name them.")
    if not any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
        _refuse_unknown(path, target, given, [parameter.name for parameter in named])
    if at_call is None:
        return
    first = {parameter.name for parameter in named[: at_call.positional]}
    handed = at_call.names | first
    for key in given:
        if key in handed:
            raise UserError(f"{path}.{key} is passed by the code; leave it out of the config.")
    for parameter in named:
        if parameter.default is parameter.empty and parameter.name not in handed.union(given):
            raise UserError(f"{path}.{parameter.name} is missing, but {target} needs it; give it.")


def _refuse_unknown(path: str, target: str, given: Sequence[str], known: Sequence[str]) -> None:
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join(known)}."
            raise UserError(f"{path}.{key} is no argument of {target}; {hint}")
