"""Translates errors of Hydra and OmegaConf into one sentence for the user."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from hydra.errors import (
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from mtl_ase.base.errors import UserError
from mtl_ase.base.installation import CONFIGS, program
from mtl_ase.config.composing import compose_with_hydra
from mtl_ase.config.refusals import (
    is_of_composing,
    is_of_folders,
    is_of_hydra,
    is_refused,
    is_refused_by_trainer,
)
from mtl_ase.sweeps import leaf

CONFIG_ERRORS = (HydraException, OmegaConfBaseException)


def explain(error: BaseException) -> str | None:
    """One sentence for a user error, or None for a bug, which needs its traceback.

    User errors are `UserError`s, errors of Hydra and OmegaConf about a config, and values that a
    library rejects. Any other exception of a constructor is a bug, in our code or the user's.
    """
    reason = error
    while isinstance(reason, CONFIG_ERRORS) and (reason.__cause__ or reason.__context__):
        reason = reason.__cause__ or reason.__context__ or reason
    if isinstance(reason, UserError):
        return _one_line(reason)
    if isinstance(error, InstantiationException):
        of_hydra = isinstance(reason, CONFIG_ERRORS) and is_of_hydra(reason)
        return _build_error(error) if of_hydra or is_refused(reason) else None
    if isinstance(error, ConfigAttributeError | ConfigKeyError) and not _is_key(error.full_key):
        return None  # our code asks for a key that no config has
    if isinstance(error, CONFIG_ERRORS):
        return _sentence(error) if is_of_composing(reason) else None
    if isinstance(error, ValueError | TypeError) and is_of_hydra(error):
        return f"{_one_line(error).rstrip('.')}; check the command line."
    if isinstance(error, OSError) and is_of_folders(error):
        return f"run_dir={error.filename} can't be made ({error.strerror}); give another one."
    if is_refused_by_trainer(error):
        return f"trainer: {_one_line(error).rstrip('.')}; check trainer and callbacks."
    return None


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


def _sentence(error: BaseException) -> str:
    if isinstance(error, OverrideParseException):
        return (
            f"{error.override!r} is no override of the form KEY=VALUE; quote values that hold "
            "special characters, e.g. 'run_dir=\"a=b\"'."
        )
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _unknown_option(error.missing_cfg_file, error.options or ())
    if isinstance(error, OmegaConfBaseException):
        place = f"{error.full_key}: " if error.full_key else ""
        return f"{place}{str(error.msg or error).splitlines()[0].rstrip('.')}; check the config."
    if str(error).startswith("Error merging override") and error.__cause__:
        cause = str(error.__cause__).splitlines()[0].rstrip(".")
        return f"{str(error).removeprefix('Error merging override ').strip()}: {cause}; correct it."
    return _unknown_inner_key(error) or _unknown_key(_one_line(error))


def _unknown_inner_key(error: BaseException) -> str | None:
    """The sentence for a mapping with a key that the config's mapping has not."""
    cause = error.__cause__
    inner = getattr(cause, "full_key", None) if isinstance(cause, ConfigKeyError) else None
    outer = re.search(r"Could not override '([^']+)'", str(error))
    if not inner or not outer or not inner.startswith(f"{outer[1]}."):
        return None
    return f"{inner} is no key of the config; write +{outer[1]}=... to add it."


def _unknown_option(file: str, options: Sequence[str]) -> str:
    """The sentence for an unknown option of a group; there may be some of the user's own."""
    group, _, name = file.removesuffix(".yaml").rpartition("/")
    options = options or sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))
    if not group or not options:
        return f"{file} is no config and no config group; {CONFIGS} holds those that there are."
    close = difflib.get_close_matches(name, options, n=1)
    hint = f"did you mean {close[0]}? There are" if close else "choose one of"
    return f"{group}={name} is unknown; {hint} {', '.join(options)}."


def _unknown_key(text: str) -> str:
    """The sentence for a key that can't be set, added or deleted."""
    existing = re.search(r"An item is already at '([^']+)'", text)
    if existing:
        return f"{existing[1]} is in the config already; leave out the + to change it."
    twice = re.search(r"(\S+) appears more than once in the final defaults list", text)
    if twice:
        return f"{twice[1]} is chosen already; leave out the + and choose it once."
    unknown = re.search(r"Could not override '([^']+)'|config\. '([^']+)' does not exist", text)
    if unknown is None:
        return text
    key = unknown[1] or unknown[2]
    nearest = nearest_key(key)
    if nearest == key:
        return f"{key} is no key of the config as changed by the other overrides; check them."
    every = f"{program('train')} --cfg job prints all keys."
    hint = f"did you mean {nearest}?" if nearest else every
    return f"{key} is no key of the config; {hint} (A new key needs a + in front.)"


def _build_error(error: InstantiationException) -> str:
    """The sentence for a node whose constructor rejected its values."""
    text = str(error)
    target = re.search(r"target '([\w.]+)'", text)
    node = re.search(r"full_key: (\S+)", text)
    reason = error.__cause__ or error.__context__
    if target is None or reason is None:
        return _one_line(text)
    reason_text = repr(reason) if isinstance(reason, KeyError) else _one_line(reason).rstrip(".")
    place = node[1] if node else "a node of the config"
    return f"{place} can't be built as {target[1]}: {reason_text}; check the values under {place}."


def nearest_key(unknown: str) -> str | None:
    """The most similar key or config group, by its last part, then by its whole name."""
    config = compose_with_hydra()
    groups = [str(name) for name in config.hydra.runtime.choices if not name.startswith("hydra/")]
    content = OmegaConf.to_container(config, resolve=False)
    assert isinstance(content, dict)
    names = [*groups, *(key for key in _keys(content) if not key.startswith("hydra."))]
    leaves = {name: leaf(name) for name in names}
    close = difflib.get_close_matches(leaf(unknown), set(leaves.values()), n=1)
    same = [name for name, leaf in leaves.items() if [leaf] == close]
    return next(iter(difflib.get_close_matches(unknown, same, n=1, cutoff=0)), None)


def _is_key(name: object) -> bool:
    """Whether the default config has such a key."""
    missing = object()
    return OmegaConf.select(compose_with_hydra(), str(name), default=missing) is not missing


def _keys(node: dict[Any, Any], path: str = "") -> Iterator[str]:
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from _keys(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"
