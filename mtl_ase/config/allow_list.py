"""What a config may build: a config from a stranger must not reach other code."""

from __future__ import annotations

from collections.abc import Iterator

from omegaconf import DictConfig, ListConfig, OmegaConf

from mtl_ase.errors import UserError

ALLOWED = (
    "mtl_ase.",
    "torch.nn.",
    "torch.optim.",
    "torchmetrics.",
    "lightning.pytorch.",
)


def targets(node: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every `_target_` under a plain or OmegaConf container, with the dotted path of its node."""
    if isinstance(node, DictConfig | ListConfig):
        node = OmegaConf.to_container(node, resolve=False)
    if isinstance(node, dict):
        if "_target_" in node:
            yield path, str(node["_target_"])
        for key, value in node.items():
            yield from targets(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from targets(value, f"{path}[{index}]")


def check_targets(config: DictConfig, extra: tuple[str, ...] = ()) -> None:
    """Refuse a config that names a target outside the allow-list, before anything is built.

    Args:
        config: the whole config.
        extra: further prefixes, from code that is trusted.

    Raises:
        UserError: names the first such node.
    """
    for path, target in targets(config):
        if not target.startswith(ALLOWED + extra):
            raise UserError(
                f"{path}._target_={target} is outside what configs may build "
                f"({', '.join(ALLOWED + extra)}); take a class from there."
            )
