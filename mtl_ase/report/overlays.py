"""Predictions drawn over pictures, with legends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from torch import Tensor

from mtl_ase.report.legend import Colour, legend_strip, overlay_colours
from mtl_ase.report.picture_width import with_width
from mtl_ase.report.sheets import compose_sheet
from mtl_ase.tasks import Picture, Task

NARROWEST, WIDEST = 480, 1600


def overlay_with_legend(
    task: Task, image_HWC: Picture, prediction: Tensor, colours: Mapping[str, Colour] | None = None
) -> Picture:
    """A picture with a prediction drawn over it, above a legend; 480 to 1600 pixels wide.

    Args:
        task: the predicted task.
        image_HWC: the picture.
        prediction: its map, of the same size.
        colours: the legend's colours by name; None: of the classes that the prediction has.
    """
    array = prediction.numpy()
    drawn = _of_good_width(task.output.overlay(image_HWC, array))
    entries = overlay_colours(task, array) if colours is None else colours
    return np.concatenate([drawn, legend_strip({task.name: entries}, drawn.shape[1])])


def overlay_sheet(
    tasks: Mapping[str, Task], shown: Sequence[tuple[Picture, Mapping[str, Tensor]]]
) -> Picture:
    """A contact sheet: a row for every picture, with itself and each task drawn over it.

    Args:
        tasks: the tasks by name.
        shown: pictures and their predictions by task.
    """
    rows, legend = [], {name: dict[str, Colour]() for name in tasks}
    for image_HWC, predictions in shown:
        arrays = {name: predictions[name].numpy() for name in tasks}
        overlays = [task.output.overlay(image_HWC, arrays[name]) for name, task in tasks.items()]
        rows.append([image_HWC, *overlays])
        for name, task in tasks.items():
            found = legend[name] | overlay_colours(task, arrays[name])
            legend[name] = {text: found[text] for text in task.legend or {} if text in found}
    sheet = compose_sheet(["image", *tasks], rows)
    return np.concatenate([sheet, legend_strip(legend, sheet.shape[1])])


def _of_good_width(picture: Picture) -> Picture:
    width = picture.shape[1]
    wanted = min(max(width, NARROWEST), WIDEST)
    return picture if wanted == width else with_width(picture, wanted, cv2.INTER_CUBIC)
