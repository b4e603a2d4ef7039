"""Legends of contact sheets: the colour of every class or value of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mtl_ase.tasks import Picture, Task
from mtl_ase.tasks.output import Array
from mtl_ase.tasks.task import IGNORED

Colour = tuple[int, int, int]
Entry = tuple[int, str, Colour | None]
"""x position in pixels, text, and RGB colour of the swatch before it (None: no swatch)."""
LINE, SWATCH, GAP, FONT, INDENT = 22, 14, 6, 13, 110


def draw_legend(tasks: Mapping[str, Task], width: int) -> Picture:
    """The legend of all values of tasks; see `legend_strip`."""
    return legend_strip({name: legend_colours(task) for name, task in tasks.items()}, width)


def legend_strip(colours: Mapping[str, Mapping[str, Colour]], width: int) -> Picture:
    """An RGB strip: for every task its name, then a colour swatch and a name for every value.

    Args:
        colours: RGB colours (0 to 255) of values by name, by task.
        width: width of the strip in pixels.
    """
    font = ImageFont.load_default(size=FONT)
    rows: list[list[Entry]] = []
    for name, values in colours.items():
        row: list[Entry] = [(GAP, name.replace("_", " "), None)]
        x = INDENT
        for text, colour in values.items():
            step = SWATCH + GAP + int(font.getlength(text)) + 2 * GAP
            if x + step > width:
                rows.append(row)
                x, row = INDENT, []
            row.append((x, text, colour))
            x += step
        rows.append(row)
    strip = Image.new("RGB", (width, LINE * len(rows) + GAP), "white")
    draw = ImageDraw.Draw(strip)
    for number, row in enumerate(rows):
        y = number * LINE + GAP
        for x, text, swatch in row:
            if swatch is not None:
                box = (x, y, x + SWATCH, y + SWATCH)
                draw.rectangle(box, fill=swatch, outline=(120, 120, 120))
                x += SWATCH + GAP
            draw.text((x, y), text, fill=(40, 40, 40), font=font)
    return np.asarray(strip)


def legend_colours(task: Task) -> dict[str, Colour]:
    """The RGB colour (0 to 255) of every value in a task's legend, by name."""
    return {
        str(text): _colour(task.output.colours(_pixel(value)))
        for text, value in (task.legend or {}).items()
    }


def overlay_colours(task: Task, prediction: Array) -> dict[str, Colour]:
    """The RGB colours of a prediction's overlay over mid-grey, by name.

    Of classes only those in the prediction are named, of other maps all values; left out is what
    an overlay does not colour, such as the background.
    """
    grey = np.full((1, 1, 3), 128, np.uint8)
    present = set(np.unique(prediction).tolist()) if prediction.dtype.kind in "iu" else None
    colours = {}
    for text, value in (task.legend or {}).items():
        shown = _colour(task.output.overlay(grey, _pixel(value)))
        wanted = text != IGNORED if present is None else value in present
        if wanted and shown != _colour(grey):
            colours[str(text)] = shown
    return colours


def _pixel(value: float | Sequence[float]) -> Array:
    """A map of one pixel."""
    values = np.asarray(value, np.float32)
    return values.reshape(-1, 1, 1) if values.ndim else values.reshape(1, 1)


def _colour(picture: Picture) -> Colour:
    """The colour of a picture's first pixel."""
    red, green, blue = picture[0, 0].tolist()
    return red, green, blue
