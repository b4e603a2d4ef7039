"""The ground plane z = 0: a base material with rectangular zones of other materials on it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mtl_ase.scenes.pieces import Paint
from mtl_ase.scenes.solids import Floats, Ints
from mtl_ase.scenes.views import View

EDGE_OF_THE_WORLD = 60.0
"""The ground ends here, metres of depth: 16 bit millimetres can say no more than 65.5 m."""


class Zone(NamedTuple):
    """A rectangle of the ground (or all of it, with infinite halves) made of one material."""

    name: str
    paint: Paint
    x: float = 0.0
    y: float = 0.0
    yaw: float = 0.0
    half_length: float = math.inf
    half_width: float = math.inf


def ground_depth(view: View, grid_3N: Floats) -> Floats:
    """Depth t at which the rays meet the ground, inf where they do not."""
    down_N = view.direction_33[2] @ grid_3N
    above_N = view.origin_33[2] @ grid_3N
    with np.errstate(all="ignore"):
        t_N = -above_N / down_N
    return np.where((t_N > 0) & (t_N < EDGE_OF_THE_WORLD), t_N, np.float32(np.inf))


def zone_at(zones: list[Zone], x_N: Floats, y_N: Floats) -> Ints:
    """Index of the last zone that covers each point."""
    zone_N = np.zeros(x_N.size, np.intp)
    for index, zone in enumerate(zones[1:], start=1):
        cos, sin = np.float32(math.cos(zone.yaw)), np.float32(math.sin(zone.yaw))
        east_N, north_N = x_N - np.float32(zone.x), y_N - np.float32(zone.y)
        inside_N = np.abs(cos * north_N - sin * east_N) < zone.half_width
        inside_N &= np.abs(cos * east_N + sin * north_N) < zone.half_length
        zone_N[inside_N] = index
    return zone_N
