"""Wrong use in one sentence: Hydra's and OmegaConf's errors, said in the user's terms."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
from hydra.errors import (
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mtl_ase.base.errors import UserError
from mtl_ase.sweeps import leaf

CONFIGS = Path(__file__).parents[2] / "configs"
CONFIG_ERRORS = (HydraException, OmegaConfBaseException)
WRONG_VALUES = (
    TypeError,
    ValueError,
    KeyError,
    AttributeError,
    SyntaxError,
    MisconfigurationException,
)


def explain(error: BaseException) -> str | None:
    """One sentence for wrong use, or None for a fault that needs its traceback.

    A constructor that rejects what the config gives it is wrong use; any other exception that comes
    out of one is a fault.
    """
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, UserError):
            return _one_line(cause)
    if not isinstance(error, CONFIG_ERRORS):
        return None
    if not all(isinstance(cause, (*CONFIG_ERRORS, *WRONG_VALUES)) for cause in chain):
        return None
    return _sentence(error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


def _sentence(error: BaseException) -> str:
    if isinstance(error, OverrideParseException):
        return (
            f"{error.override!r} is no override of the form KEY=VALUE; quote values that hold "
            "special characters, e.g. 'run_dir=\"a=b\"'."
        )
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _unknown_option(error.missing_cfg_file)
    if isinstance(error, InstantiationException):
        return _not_built(error)
    if isinstance(error, OmegaConfBaseException):
        place = f"{error.full_key}: " if error.full_key else ""
        return f"{place}{str(error.msg or error).splitlines()[0].rstrip('.')}; check the config."
    return _unknown_key(_one_line(error))


def _unknown_option(file: str) -> str:
    group, _, name = file.removesuffix(".yaml").rpartition("/")
    options = sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))
    if not group or not options:
        return f"{file} is no config and no config group; configs/ holds those that there are."
    close = difflib.get_close_matches(name, options, n=1)
    hint = f"did you mean {close[0]}? There are" if close else "choose one of"
    return f"{group}={name} is unknown; {hint} {', '.join(options)}."


def _unknown_key(text: str) -> str:
    """The sentence for a key that can't be set, added or deleted."""
    existing = re.search(r"An item is already at '([^']+)'", text)
    if existing:
        return f"{existing[1]} is in the config already; leave out the + to change it."
    unknown = re.search(r"Could not override '([^']+)'|config\. '([^']+)' does not exist", text)
    if unknown is None:
        return text
    key = unknown[1] or unknown[2]
    nearest = _nearest(key)
    hint = f"did you mean {nearest}?" if nearest else "python train.py --cfg job prints all keys."
    return f"{key} is no key of the config; {hint} (A new key needs a + in front.)"


def _not_built(error: InstantiationException) -> str:
    """The sentence for a node whose constructor rejected its values."""
    text = str(error)
    target = re.search(r"target '([\w.]+)'", text)
    node = re.search(r"full_key: (\S+)", text)
    reason = error.__cause__ or error.__context__
    if target is None or reason is None:
        return _one_line(text)
    said = repr(reason) if isinstance(reason, KeyError) else _one_line(reason).rstrip(".")
    place = node[1] if node else "a node of the config"
    return f"{place} can't be built as {target[1]}: {said}; check the values under {place}."


def _nearest(unknown: str) -> str | None:
    """The known key or config group whose last part, then whole name, is most like it."""
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = hydra.compose("train", return_hydra_config=True)
    groups = [str(name) for name in config.hydra.runtime.choices if not name.startswith("hydra/")]
    content = OmegaConf.to_container(config, resolve=False)
    assert isinstance(content, dict)
    names = [*groups, *(key for key in _keys(content) if not key.startswith("hydra."))]
    leaves = {name: leaf(name) for name in names}
    close = difflib.get_close_matches(leaf(unknown), set(leaves.values()), n=1)
    same = [name for name, leaf in leaves.items() if [leaf] == close]
    return next(iter(difflib.get_close_matches(unknown, same, n=1, cutoff=0)), None)


def _keys(node: dict[Any, Any], path: str = "") -> Iterator[str]:
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from _keys(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"
