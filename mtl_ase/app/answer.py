"""What the page shows for a picture: maps, and the experts that patches select."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mtl_ase.data.warp import fit_box
from mtl_ase.inference import Model, SlidingWindows
from mtl_ase.report.expert_maps import ExpertMaps, expert_maps
from mtl_ase.report.legend import legend_strip, overlay_colours
from mtl_ase.tasks import Picture
from mtl_ase.tasks.output import mixed

LEGEND_WIDTH = 640


@dataclass(frozen=True)
class Answer:
    """What is shown for one picture.

    Attributes:
        image_HWC: the picture.
        overlays: each task's map drawn over the picture.
        legends: a legend for each task.
        routers: the experts that patches select, one entry for each router; none without experts.
    """

    image_HWC: Picture
    overlays: dict[str, Picture]
    legends: dict[str, Picture]
    routers: list[ExpertMaps]


def answer(
    model: Model,
    image_HWC: Picture,
    tasks: Sequence[str] | None = None,
    windows: SlidingWindows | None = None,
) -> Answer:
    """Predict a picture, and see which experts its patches select.

    Args:
        model: the network.
        image_HWC: the picture.
        tasks: the tasks to show; None: all.
        windows: slide over the picture; experts are those of the whole picture, resized.
    """
    maps = model.predict(image_HWC, tasks, windows)
    overlays, legends = {}, {}
    for name, map_ in maps.items():
        output, array = model.tasks[name].output, map_.numpy()
        overlays[name] = output.overlay(image_HWC, array)
        entries = overlay_colours(model.tasks[name], array)
        legends[name] = legend_strip({name: entries}, LEGEND_WIDTH)
    found = expert_maps(model.network, model.fitted(image_HWC), len(model.tasks))
    routers = [_inside(router, model, image_HWC) for router in found]
    return Answer(image_HWC, overlays, legends, routers)


def _inside(router: ExpertMaps, model: Model, image_HWC: Picture) -> ExpertMaps:
    """A router's maps drawn over the picture."""
    box = fit_box(image_HWC.shape[:2], model.size_hw, model.augmentation.fit)
    size = (image_HWC.shape[1], image_HWC.shape[0])
    drawn = []
    for map_ in router.maps:
        part = map_[box.top : box.top + box.height, box.left : box.left + box.width]
        colours = cv2.resize(part, size, interpolation=cv2.INTER_NEAREST_EXACT)
        drawn.append(mixed(image_HWC, colours.astype(np.uint8, copy=False), 0.7))
    return router._replace(maps=drawn)
