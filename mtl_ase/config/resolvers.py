"""What configs may ask: `${chosen:GROUP}` and `${fast_precision:}`."""

from __future__ import annotations

from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import Container, OmegaConf

from mtl_ase.config.precision import fast_precision


def register_resolvers() -> None:
    """Make them known to OmegaConf."""
    OmegaConf.register_new_resolver("chosen", _chosen, replace=True)
    OmegaConf.register_new_resolver("fast_precision", fast_precision, replace=True)


def _chosen(group: str, _root_: Container) -> Any:
    """Name of the option chosen from a config group.

    Hydra's own `${hydra:runtime.choices.GROUP}` is not known yet where a sweep names its folder.
    """
    hydra = OmegaConf.select(_root_, "hydra")
    runtime = HydraConfig.get().runtime if hydra is None else hydra.runtime
    return runtime.choices[group]
