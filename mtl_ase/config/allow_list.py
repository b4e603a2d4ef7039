"""The allow-list of `_target_`s, so that an untrusted config can't run arbitrary code."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.config.own_parts import trusted_prefixes
from mtl_ase.config.refusals import is_unknown_name

ROOMS = (
    "mtl_ase.balance",
    "mtl_ase.data",
    "mtl_ase.data.labels",
    "mtl_ase.evaluation",
    "mtl_ase.losses",
    "mtl_ase.metrics",
    "mtl_ase.model",
    "mtl_ase.model.adapters",
    "mtl_ase.model.decoders",
    "mtl_ase.model.encoders",
    "mtl_ase.scenes",
    "mtl_ase.tasks",
    "mtl_ase.training",
)
"""Our packages whose public classes are allowed; the others write files or start processes."""
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
    "torchjd.aggregation.",
)
"""Prefixes of the import paths of allowed library classes; library functions are not allowed.

Other loggers connect to servers given as arguments; our `WandbLog` only to wandb's.
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
    "torchjd.aggregation.",
)
"""Allowed modules of their definitions. Metrics of text, audio and image features are excluded,
since they download networks."""
EXTRAS = {"torchjd": "balance"}
"""Libraries that need not be installed, and our extras that install them."""


def nodes(content: object, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """(path, node) of every node with a `_target_`, resolved, in a config or plain container."""
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
    """(path, string) of every string value in plain containers."""
    if isinstance(content, str):
        yield path, content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from strings(value, f"{path}.{key}" if path else str(key))
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from strings(value, f"{path}[{index}]")


def check_targets(config: DictConfig, extra: tuple[str, ...] = ()) -> None:
    """Reject a config with a target outside the allow-list, before anything is built.

    No interpolation may remain after resolving: an escaped one would become active when Hydra
    resolves again, and could create a node that was not checked.

    A library's target must be a class whose import path and defining module are both allowed:
    `torch.nn.modules.module.torch.load` only has an allowed prefix, and
    `lightning.pytorch.LightningModule.load_from_checkpoint` would unpickle a file.

    Args:
        config: the whole config.
        extra: further trusted prefixes; everything below them is allowed, as below the modules
            that the command line trusts.

    Raises:
        UserError: names the first such node.
    """
    extra = (*extra, *trusted_prefixes())
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
                f"{''.join(f', {prefix}' for prefix in extra)}); take one from there"
                f"{_how_to_trust(target)}."
            )


def _how_to_trust(target: str) -> str:
    """Advice for code that may be the user's own; a library's is never to be trusted by mistake."""
    module, _, _ = target.rpartition(".")
    known = {prefix.partition(".")[0] for prefix in (*ROOMS, *LIBRARIES)} | {"hydra", "omegaconf"}
    if not module or module.partition(".")[0] in known | sys.stdlib_module_names:
        return ""
    return f", or, if the code is your own, add --trust={module}"


def _is_ours(path: str, target: str) -> bool:
    """Whether it is a public class of an allowed package of ours."""
    room, _, name = target.rpartition(".")
    if room not in ROOMS:
        return False
    found = _resolve(path, target)
    public = name in importlib.import_module(room).__all__
    return public and inspect.isclass(found)


def _is_trusted(path: str, target: str, extra: tuple[str, ...]) -> bool:
    """Whether import path and defining module are an allowed library class's, or in `extra`."""
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
        package = target.partition(".")[0]
        if package in EXTRAS and getattr(error, "name", None) == package:
            raise UserError(
                f"{path}._target_={target} needs {package}, which is not installed; run "
                f"pip install 'mtl_ase[{EXTRAS[package]}]'."
            ) from error
        raise UserError(f"{path}._target_={target} does not exist; check the spelling.") from error
