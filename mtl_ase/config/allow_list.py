"""What a config may build: a config from a stranger must not reach other code."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.config.refusals import is_unknown_name

ROOMS = (
    "mtl_ase.data",
    "mtl_ase.data.labels",
    "mtl_ase.scenes",
    "mtl_ase.evaluation",
    "mtl_ase.losses",
    "mtl_ase.metrics",
    "mtl_ase.model",
    "mtl_ase.tasks",
    "mtl_ase.training",
)
"""Our packages whose public names a config may build; others write files and start processes."""
LIBRARIES = (
    "torch.nn.",
    "torch.optim.",
    "timm.optim.",
    "torchmetrics.",
    "lightning.pytorch.Trainer",
    "lightning.pytorch.callbacks.",
    "lightning.pytorch.loggers.",
    "lightning.pytorch.plugins.",
    "lightning.pytorch.profilers.",
    "lightning.pytorch.strategies.",
)
"""Where the classes of libraries lie that a config may build; none of their functions."""
HOMES = (
    "torch.nn.",
    "torch.optim.",
    "timm.optim.",
    "torchmetrics.",
    "lightning.pytorch.",
    "lightning.fabric.plugins.",
)
"""Where those are defined."""


def nodes(content: object, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node with a `_target_`, resolved, in a config or plain container; its path first."""
    if isinstance(content, DictConfig | ListConfig):
        content = OmegaConf.to_container(content, resolve=True)
    if isinstance(content, dict):
        if "_target_" in content:
            yield path, content
        for key, value in content.items():
            yield from nodes(value, f"{path}.{key}" if path else str(key))
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from nodes(value, f"{path}[{index}]")


def check_targets(config: DictConfig, extra: tuple[str, ...] = ()) -> None:
    """Refuse a config that names a target outside the allow-list, before anything is built.

    A library's target must be a class and lie there by its name and by its definition:
    `torch.nn.modules.module.torch.load` only goes through there, and
    `lightning.pytorch.LightningModule.load_from_checkpoint` would run what a file says.

    Args:
        config: the whole config.
        extra: prefixes of code that is trusted besides; all of it may be built.

    Raises:
        UserError: names the first such node.
    """
    for path, node in nodes(config):
        target = str(node["_target_"])
        if not (_is_ours(path, target) or _is_trusted(path, target, extra)):
            raise UserError(
                f"{path}._target_={target} is outside what configs may build (public names of "
                f"{', '.join(ROOMS)}; classes of {', '.join(LIBRARIES)}"
                f"{''.join(f', {prefix}' for prefix in extra)}); take one from there."
            )


def _is_ours(path: str, target: str) -> bool:
    """Whether it is a public name of one of our rooms."""
    room, _, name = target.rpartition(".")
    if room not in ROOMS:
        return False
    _resolve(path, target)
    return name in importlib.import_module(room).__all__


def _is_trusted(path: str, target: str, extra: tuple[str, ...]) -> bool:
    """Whether it is a library's class, or anything of trusted code, by name and definition."""
    if not target.startswith(LIBRARIES + extra):
        return False
    found = _resolve(path, target)
    home = f"{getattr(found, '__module__', None)}."
    return home.startswith(extra) or (inspect.isclass(found) and home.startswith(HOMES))


def _resolve(path: str, target: str) -> Any:
    try:
        return pkgutil.resolve_name(target)
    except (ImportError, AttributeError, ValueError) as error:
        if not is_unknown_name(error):
            raise
        raise UserError(f"{path}._target_={target} does not exist; check the spelling.") from error
