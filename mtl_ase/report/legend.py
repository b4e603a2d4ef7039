"""Legends of contact sheets: the colour of every class or value of a task."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mtl_ase.tasks import Task

Picture = NDArray[np.uint8]
Entry = tuple[int, str, tuple[int, ...] | None]
"""x position in pixels, text, and RGB colour of the swatch before it (None: no swatch)."""
LINE, SWATCH, GAP, FONT, INDENT = 22, 14, 6, 13, 110


def draw_legend(tasks: Mapping[str, Task], width: int) -> Picture:
    """An RGB strip: for every task its name, then a colour swatch and a name for every value.

    Args:
        tasks: the tasks by name.
        width: width of the strip in pixels.
    """
    font = ImageFont.load_default(size=FONT)
    rows: list[list[Entry]] = []
    for name, task in tasks.items():
        row: list[Entry] = [(GAP, name.replace("_", " "), None)]
        x = INDENT
        for text, colour in legend_colours(task).items():
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


def legend_colours(task: Task) -> dict[str, tuple[int, ...]]:
    """The RGB colour (0 to 255) of every value in a task's legend, by name."""
    colours = {}
    for text, value in (task.legend or {}).items():
        values = np.asarray(value, np.float32)
        pixel = values.reshape(-1, 1, 1) if values.ndim else values.reshape(1, 1)
        colours[str(text)] = tuple(int(level) for level in task.colours(pixel)[0, 0])
    return colours
