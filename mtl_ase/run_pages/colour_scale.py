"""Colour scales of heat maps, readable with any kind of colour vision."""

from __future__ import annotations

from functools import cache

import matplotlib
import numpy as np
from matplotlib.colors import to_hex

SEQUENTIAL, DIVERGING = "cividis", "PuOr"
LEVELS = 64


@cache
def scale(name: str) -> tuple[str, ...]:
    """A scale's colours from its lowest to its highest value, as #rrggbb."""
    colours = matplotlib.colormaps[name](np.linspace(0, 1, LEVELS))
    return tuple(to_hex(colour) for colour in colours)


def level_of(value: float, low: float, high: float) -> int:
    """The number of a value's colour."""
    share = (value - low) / (high - low) if high > low else 0.0
    return min(LEVELS - 1, max(0, round(share * (LEVELS - 1))))
