"""What a config may build: a config from a stranger must not reach other code."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from mtl_ase.errors import UserError

ALLOWED = (
    "mtl_ase.",
    "torch.nn.",
    "torch.optim.",
    "timm.optim.",
    "torchmetrics.",
    "lightning.pytorch.",
)


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

    A target must lie there by its name and by its definition: `torch.nn.modules.module.torch.load`
    only goes through there.

    Args:
        config: the whole config.
        extra: further prefixes, from code that is trusted.

    Raises:
        UserError: names the first such node.
    """
    allowed = ALLOWED + extra
    for path, node in nodes(config):
        target = str(node["_target_"])
        if not (target.startswith(allowed) and _home(path, target).startswith(allowed)):
            raise UserError(
                f"{path}._target_={target} is outside what configs may build "
                f"({', '.join(allowed)}); take a class from there."
            )


def _home(path: str, target: str) -> str:
    """The module in which a target was defined, with a dot behind."""
    try:
        return f"{getattr(pkgutil.resolve_name(target), '__module__', None)}."
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"{path}._target_={target} does not exist; check the spelling.") from error
