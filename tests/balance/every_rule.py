"""The rules that the configs build. Legend: T tasks, P parameters."""

from __future__ import annotations

from typing import Any, cast

import torch
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf

from mtl_ase.balance import GradientRule, GramianRule
from mtl_ase.config import CONFIGS
from tests.balance.gramians import names


def built_by_configs(kind: type) -> list[str]:
    """Names of the options of `balance` that build rules of a kind."""
    options = sorted((CONFIGS / "balance").glob("*.yaml"))
    targets = {path.stem: get_class(OmegaConf.load(path)["_target_"]) for path in options}
    return [name for name, target in targets.items() if issubclass(target, kind)]


GRADIENT_RULES = built_by_configs(GradientRule)
GRAMIAN_RULES = built_by_configs(GramianRule)


def build(name: str, num_tasks: int, num_shared: int, **options: Any) -> GradientRule:
    """The rule of an option for tasks of weight 1 and this many shared parameters."""
    node = OmegaConf.load(CONFIGS / "balance" / f"{name}.yaml")
    config = OmegaConf.create({"seed": 0, "balance": OmegaConf.merge(node, options)})
    rule = cast(GradientRule, instantiate(config.balance)(weights=names(num_tasks)))
    rule.allocate(torch.arange(num_shared) % 2)
    return rule
