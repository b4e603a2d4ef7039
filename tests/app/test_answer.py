"""What the page shows for a picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from omegaconf import DictConfig

from mtl_ase.app.answer import answer
from mtl_ase.build import build_augmentation, build_network, build_tasks
from mtl_ase.inference import Model, SlidingWindows

PHOTO = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)


def model_of(composed: Callable[..., DictConfig], tiny: list[str], *overrides: str) -> Model:
    config = composed(*tiny, *overrides)
    tasks = build_tasks(config)
    return Model(build_network(config, tasks), tasks, (64, 64), build_augmentation(config))


@pytest.mark.parametrize("windows", [None, SlidingWindows()])
def test_maps_and_experts_are_drawn_over_the_picture(
    composed: Callable[..., DictConfig], tiny: list[str], windows: SlidingWindows | None
) -> None:
    model = model_of(composed, tiny, "experiment=ase_finegrained")
    found = answer(model, PHOTO, ["edge", "semseg"], windows)
    assert list(found.overlays) == list(found.legends) == ["edge", "semseg"]
    assert all(picture.shape == PHOTO.shape for picture in found.overlays.values())
    assert len(found.routers) == 2, "one a block"
    for router in found.routers:
        assert len(router.maps) == 5, "all tasks have experts"
        assert all(map_.shape == PHOTO.shape for map_ in router.maps)
        assert router.shares_TE.shape == (5, 30), "30 of 32 experts compete"
        np.testing.assert_allclose(router.shares_TE.sum(1), 1)


def test_a_network_without_experts_has_maps_alone(
    composed: Callable[..., DictConfig], tiny: list[str]
) -> None:
    found = answer(model_of(composed, tiny, "model/adapter=none"), PHOTO)
    assert len(found.overlays) == 5
    assert found.routers == []
