"""Heat maps as SVG: a cell for every value. Legend: N rows, E columns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from mtl_ase.run_pages.colour_scale import level_of, scale
from mtl_ase.run_pages.markup import element, joined

WIDTH, ROW, ROW_OF_FEW = 360, 15, 22
FEW = 8
CHARACTER = 6.2
"""Width of a character of a row's label."""
Floats = NDArray[np.float64]


def heat_map(
    value_NE: Floats,
    rows: Sequence[str],
    ends: tuple[float, float],
    colours: str,
    told: str,
    columns: Sequence[str] = (),
    split: int | None = None,
    width: int = WIDTH,
) -> Markup:
    """A heat map that is as wide as the page lets it be.

    Args:
        value_NE: the values; NaN where there is none.
        rows: a label for every row.
        ends: values of the scale's first and last colour.
        colours: name of the colour scale.
        told: what a screen reader says.
        columns: labels of columns, evenly spread below them; none: no labels.
        split: the column before which there is a gap.
        width: of the drawing, in its own units.
    """
    left = 6 + CHARACTER * max(map(len, rows))
    num_rows, num_columns = value_NE.shape
    row_height = ROW_OF_FEW if num_rows <= FEW else ROW
    gap = 4 if split is not None and 0 < split < num_columns else 0
    cell = (width - left - gap) / num_columns
    palette = scale(colours)
    parts = []
    for row, label in enumerate(rows):
        text = element("text", label, x=left - 5, y=(row + 0.5) * row_height + 3.5, class_="end")
        parts.append(text)
        for column in range(num_columns):
            value = float(value_NE[row, column])
            known = math.isfinite(value)
            after = gap if split is not None and column >= split else 0
            parts.append(
                element(
                    "rect",
                    x=left + column * cell + after,
                    y=row * row_height,
                    width=cell - (0.6 if cell > 3 else 0),
                    height=row_height - 1,
                    fill=palette[level_of(value, *ends)] if known else None,
                    class_=None if known else "unknown",
                )
            )
    bottom = num_rows * row_height
    for place, label in _below(columns):
        x = left + (place + 0.5) * (width - left) / max(1, len(columns))
        parts.append(element("text", label, x=x, y=bottom + 12, class_="middle"))
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {width} {bottom + (16 if columns else 2)}",
        role="img",
        aria_label=told,
        class_="heat",
        data_columns=num_columns,
    )


def colour_bar(ends: tuple[str, str], colours: str) -> Markup:
    """A strip of the scale's colours between the values of its ends."""
    palette = scale(colours)
    step = 160 / len(palette)
    cells = [
        element("rect", x=place * step, y=0, width=step + 0.3, height=10, fill=colour)
        for place, colour in enumerate(palette)
    ]
    strip = element("svg", *cells, viewBox="0 0 160 10", aria_hidden="true", class_="bar")
    low, high = (element("span", end) for end in ends)
    return element("span", joined([low, strip, high]), class_="scale")


def _below(columns: Sequence[str]) -> list[tuple[int, str]]:
    """Places and labels that have room."""
    if not columns:
        return []
    most = max(1, int(46 / max(map(len, columns))))
    every = math.ceil(len(columns) / most)
    return list(enumerate(columns))[::every]
