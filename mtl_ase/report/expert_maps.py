"""Which expert every patch of an image selects, by layer and task.

Legend: T tasks, B images, L tokens, E experts, H W patches.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from mtl_ase.data import DataModule, collate_scoring
from mtl_ase.model import MultiTaskNetwork, Routing
from mtl_ase.model.routing import DECODER
from mtl_ase.report.sheets import compose_sheet, text_tile
from mtl_ase.tasks import Picture


@torch.no_grad()
def draw_expert_maps(
    network: MultiTaskNetwork, tasks: Sequence[str], data: DataModule, path: Path
) -> None:
    """Draw the expert of the largest weight, of those that compete, for a validation image.

    A row for every router, a column for every task; a colour is an expert, and means nothing from
    one row to the next. No file if no router looks at single tokens.

    Args:
        network: with an encoder whose tokens are patches.
        tasks: names of the tasks, in the order of the task axis.
        data: the data set; its first validation image is shown.
        path: the image file to write.
    """
    sample = data.dataset("val", training=False)[0, 0]
    image_BCHW = collate_scoring([sample]).image_BCHW
    routing = network.eval()(image_BCHW.to(next(network.parameters()).device)).routing
    sites = {(site.layer, site.name): site for site in network.encoder.sites()}
    picture = image_BCHW[0].numpy().transpose(1, 2, 0)
    rows = []
    for router in routing:
        site = sites.get((router.layer, router.site))
        if router.site == DECODER or site is None or router.gate_TBLE.shape[2] != site.num_tokens:
            continue
        maps = _maps(router, site.num_prefix, site.grid_hw, picture.shape[:2])
        by_task = maps if len(maps) == len(tasks) else maps * len(tasks)
        rows.append([_named(router, picture), *by_task])
    if rows:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(compose_sheet(["image", *tasks], rows)).save(path)


def _maps(
    router: Routing, num_prefix: int, grid_hw: tuple[int, int], size_hw: Sequence[int]
) -> list[Picture]:
    """A coloured map for every task, as large as the image."""
    num_competing = router.logits_TBLE.shape[-1]
    gate_TLE = router.gate_TBLE[:, 0, num_prefix:, :num_competing].float().cpu()
    expert_THW = gate_TLE.argmax(-1).unflatten(-1, grid_hw).numpy()
    colours = np.array([_colour(number) for number in range(num_competing)], np.uint8)
    height, width = size_hw
    return [
        cv2.resize(colours[expert_HW], (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        for expert_HW in expert_THW
    ]


def _colour(number: int) -> tuple[int, int, int]:
    """Colours that differ from those of near numbers: the hue by the golden ratio, two values."""
    hue, value = (number * 0.618034) % 1.0, 0.95 if number % 2 else 0.65
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.65, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _named(router: Routing, picture: Picture) -> Picture:
    """The image, with the router's name on it."""
    name = text_tile(f"layer {router.layer} {router.site}", *picture.shape[:2])
    height, width = name.shape[:2]
    shown = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    dark = name < 128
    return np.where(dark, np.uint8(255), np.minimum(shown, 200)).astype(np.uint8)
