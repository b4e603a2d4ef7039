"""Which expert every patch of an image selects, by layer and task.

Legend: T tasks, B images, L tokens, E experts, H W patches.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import one_hot

from mtl_ase.data import DataModule
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.model.routing import DECODER
from mtl_ase.report.sheets import compose_sheet, text_tile
from mtl_ase.tasks import Picture


class ExpertMaps(NamedTuple):
    """Which expert every patch of an image selects at one router.

    Attributes:
        layer: number of the block.
        site: name of the site.
        maps: a picture for every task, as large as the image.
        shares_TE: share of the patches that select each of the experts that compete.
    """

    layer: int
    site: str
    maps: list[Picture]
    shares_TE: NDArray[np.float64]

    @property
    def name(self) -> str:
        """The router's name for people."""
        return f"layer {self.layer} {self.site}"


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
    image_CHW = data.dataset("val", training=False)[0, 0].image_CHW
    picture = image_CHW.numpy().transpose(1, 2, 0)
    found = expert_maps(network, image_CHW, len(tasks))
    rows = [[_named(router.name, picture), *router.maps] for router in found]
    if rows:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(compose_sheet(["image", *tasks], rows)).save(path)


@torch.no_grad()
def expert_maps(network: MultiTaskNetwork, image_CHW: Tensor, num_tasks: int) -> list[ExpertMaps]:
    """The expert of the largest weight, of those that compete, for every patch of an image.

    Args:
        network: with an encoder whose tokens are patches.
        image_CHW: bytes, of the size of the input.
        num_tasks: number of tasks; routers that all tasks share show the same map for each.

    Returns:
        The maps of all routers that look at single tokens of an encoder's block.
    """
    device = next(network.parameters()).device
    routing = network.eval()(image_CHW[None].to(device)).routing
    sites = {(site.layer, site.name): site for site in network.encoder.sites()}
    found = []
    for router in routing:
        site = sites.get((router.layer, router.site))
        if router.site == DECODER or site is None or router.gate_TBLE.shape[2] != site.num_tokens:
            continue
        num_competing = router.logits_TBLE.shape[-1]
        gate_TLE = router.gate_TBLE[:, 0, site.num_prefix :, :num_competing].float().cpu()
        expert_TL = gate_TLE.argmax(-1)
        maps = [
            _coloured(expert_L.unflatten(-1, site.grid_hw).numpy(), num_competing, image_CHW)
            for expert_L in expert_TL
        ]
        shares_TE = one_hot(expert_TL, num_competing).double().mean(1).numpy()
        copies = num_tasks // len(maps)
        found.append(
            ExpertMaps(router.layer, router.site, maps * copies, np.tile(shares_TE, (copies, 1)))
        )
    return found


def _coloured(expert_HW: NDArray[np.int64], num_experts: int, image_CHW: Tensor) -> Picture:
    """A map of experts in their colours, as large as the image."""
    colours = np.array([expert_colour(number) for number in range(num_experts)], np.uint8)
    height, width = image_CHW.shape[1:]
    picture = cv2.resize(colours[expert_HW], (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return picture.astype(np.uint8, copy=False)


def expert_colour(number: int) -> tuple[int, int, int]:
    """Colours that differ from those of near numbers: the hue by the golden ratio, two values."""
    hue, value = (number * 0.618034) % 1.0, 0.95 if number % 2 else 0.65
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.65, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _named(router: str, picture: Picture) -> Picture:
    """The image, with a router's name on it."""
    name = text_tile(router, *picture.shape[:2])
    height, width = name.shape[:2]
    shown = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    dark = name < 128
    return np.where(dark, np.uint8(255), np.minimum(shown, 200)).astype(np.uint8)
