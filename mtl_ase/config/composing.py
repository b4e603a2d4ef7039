"""The training config, composed outside of a Hydra main."""

from __future__ import annotations

from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from mtl_ase.base.installation import CONFIGS
from mtl_ase.config.resolvers import register_resolvers


def compose_with_hydra(overrides: Sequence[str] = ()) -> DictConfig:
    """The config that train.py gets from a command line, with its `hydra` node."""
    register_resolvers()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose("train", list(overrides), return_hydra_config=True)


def compose_config(overrides: Sequence[str] = ()) -> DictConfig:
    """The config that train.py gets from a command line."""
    return take_hydra_node(compose_with_hydra(overrides))


def take_hydra_node(config: DictConfig) -> DictConfig:
    """Give the `hydra` node to `HydraConfig`, where interpolations like `${hydra:...}` find it."""
    HydraConfig.instance().set_config(config)
    with open_dict(config):
        del config["hydra"]
    return config
