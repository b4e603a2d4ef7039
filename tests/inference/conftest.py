"""A model of random weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from mtl_ase.build import build_augmentation, build_tasks
from mtl_ase.inference import Model
from mtl_ase.model import MultiTaskNetwork


@pytest.fixture
def model(
    composed: Callable[..., DictConfig],
    tiny: list[str],
    tiny_network: Callable[..., MultiTaskNetwork],
) -> Model:
    config = composed(*tiny)
    size_hw = (config.data.image_size[0], config.data.image_size[1])
    return Model(tiny_network(), build_tasks(config), size_hw, build_augmentation(config))
