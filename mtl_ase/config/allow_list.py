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
    "mtl_ase.evaluation",
    "mtl_ase.losses",
    "mtl_ase.metrics",
    "mtl_ase.model",
    "mtl_ase.scenes",
    "mtl_ase.tasks",
    "mtl_ase.training",
)
"""Our packages whose public classes a config may build; others write files and start processes."""
FUNCTIONS = ("mtl_ase.model.add_lora", "mtl_ase.tasks.")
"""Our public functions that a config may call besides: they only compute."""
LIBRARIES = (
    "torch.nn.",
    "torch.optim.",
    "timm.optim.",
    "torchmetrics.",
    "lightning.pytorch.Trainer",
    "lightning.pytorch.callbacks.",
    "lightning.pytorch.loggers.CSVLogger",
    "lightning.pytorch.loggers.TensorBoardLogger",
    "lightning.pytorch.plugins.",
    "lightning.pytorch.profilers.",
    "lightning.pytorch.strategies.",
)
"""Where the classes of libraries lie that a config may build; none of their functions.

Other loggers talk to servers that their arguments name; `WandbLog` of ours to wandb's only.
"""
HOMES = (
    "torch.nn.",
    "torch.optim.",
    "timm.optim.",
    "torchmetrics.aggregation.",
    "torchmetrics.classification.",
    "torchmetrics.regression.",
    "torchmetrics.segmentation.",
    "lightning.pytorch.trainer.",
    "lightning.pytorch.callbacks.",
    "lightning.pytorch.loggers.",
    "lightning.pytorch.plugins.",
    "lightning.pytorch.profilers.",
    "lightning.pytorch.strategies.",
    "lightning.fabric.plugins.",
)
"""Where those are defined. Metrics of texts, sounds and image features download their networks."""


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


def strings(content: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string among the values of plain containers; its path first."""
    if isinstance(content, str):
        yield path, content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from strings(value, f"{path}.{key}" if path else str(key))
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from strings(value, f"{path}[{index}]")


def check_targets(config: DictConfig, extra: tuple[str, ...] = ()) -> None:
    """Refuse a config that names a target outside the allow-list, before anything is built.

    Every value must be final once it is resolved: an escaped interpolation would become a live one
    when Hydra resolves it again, and could then make a node that was not here to be looked at.

    A library's target must be a class and lie there by its name and by its definition:
    `torch.nn.modules.module.torch.load` only goes through there, and
    `lightning.pytorch.LightningModule.load_from_checkpoint` would run what a file says.

    Args:
        config: the whole config.
        extra: prefixes of code that is trusted besides; all of it may be built.

    Raises:
        UserError: names the first such node.
    """
    content = OmegaConf.to_container(config, resolve=True)
    for path, text in strings(content):
        if "${" in text:
            raise UserError(
                f"{path}={text} is an interpolation that is resolved twice; write it without the "
                "backslash, or as a plain value."
            )
    for path, node in nodes(content):
        target = str(node["_target_"])
        if not (_is_ours(path, target) or _is_trusted(path, target, extra)):
            raise UserError(
                f"{path}._target_={target} is outside what configs may build (public classes of "
                f"{', '.join(ROOMS)}; classes of {', '.join(LIBRARIES)}"
                f"{''.join(f', {prefix}' for prefix in extra)}); take one from there."
            )


def _is_ours(path: str, target: str) -> bool:
    """Whether it is a public class of one of our rooms, or a function that only computes."""
    room, _, name = target.rpartition(".")
    if room not in ROOMS:
        return False
    found = _resolve(path, target)
    public = name in importlib.import_module(room).__all__
    return public and (inspect.isclass(found) or target.startswith(FUNCTIONS))


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
