"""Maps of the experts that patches select."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mtl_ase.build import build_data, build_tasks
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.report.expert_maps import draw_expert_maps
from tests.conftest import Compose

TASKS = ["semseg", "human_parts", "saliency", "normals", "edge"]


@pytest.fixture
def drawn(
    composed: Compose, tiny: list[str], tmp_path: Path
) -> Callable[[MultiTaskNetwork], np.ndarray | None]:
    """Draws the maps of a network; None if there is no file."""
    config = composed(*tiny)
    data = build_data(config, build_tasks(config))
    data.prepare_data()

    def draw(network: MultiTaskNetwork) -> np.ndarray | None:
        path = tmp_path / "maps.png"
        path.unlink(missing_ok=True)
        draw_expert_maps(network, TASKS, data, path)
        return cv2.imread(str(path)) if path.is_file() else None

    return draw


def test_a_row_for_every_router_and_a_column_for_every_task(tiny_network, drawn) -> None:
    network = tiny_network("experiment=ase")
    for adapter in network.encoder.adapters():
        for router in adapter.routers():
            torch.nn.init.normal_(router)
    picture = drawn(network)
    assert picture is not None
    height, width = picture.shape[:2]
    assert width / (1 + len(TASKS)) == pytest.approx(height / 2, rel=0.15)
    colours = {tuple(colour) for colour in picture[40:200, 260:440].reshape(-1, 3)}
    assert 2 < len(colours) < 20, "a few experts"


def test_a_patch_has_one_colour(tiny_network, drawn) -> None:
    """The tiny network has 4 x 4 patches; a tile of 224 pixels has 56 of a patch."""
    network = tiny_network("experiment=ase")
    for adapter in network.encoder.adapters():
        for router in adapter.routers():
            torch.nn.init.normal_(router)
    tile = drawn(network)[30 : 30 + 224, 6 + 230 : 6 + 230 + 224]
    patch = tile[4:52, 60:108]
    assert (patch == patch[0, 0]).all()


def test_no_picture_without_routers_of_tokens(tiny_network, drawn) -> None:
    assert drawn(tiny_network("experiment=mtl_vit")) is None
    assert drawn(tiny_network("experiment=ase", "model/adapter=mtl_lora")) is None
