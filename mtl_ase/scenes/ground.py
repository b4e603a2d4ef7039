"""The ground plane z = 0: a base material with rectangular zones of other materials on it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mtl_ase.scenes.pieces import Paint
from mtl_ase.scenes.solids import Floats, Ints
from mtl_ase.scenes.views import View

MAX_GROUND_DEPTH = 60.0
"""Depth in metres at which the ground ends: depth is stored as 16-bit millimetres (65.5 m)."""


class Zone(NamedTuple):
    """A rectangle of the ground made of one material; infinite by default.

    Attributes:
        name: PASCAL-Context name of the material.
        paint: its paint.
        x: centre, metres ahead of the camera.
        y: centre, metres to the left.
        yaw: angle of the length axis to the x axis, radians.
        half_length: half of the length, metres.
        half_width: half of the width, metres.
    """

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
    return np.where((t_N > 0) & (t_N < MAX_GROUND_DEPTH), t_N, np.float32(np.inf))


def zone_at(zones: list[Zone], x_N: Floats, y_N: Floats) -> Ints:
    """Index of the last zone that contains each point (x, y), in metres."""
    zone_N = np.zeros(x_N.size, np.intp)
    for index, zone in enumerate(zones[1:], start=1):
        cos, sin = np.float32(math.cos(zone.yaw)), np.float32(math.sin(zone.yaw))
        east_N, north_N = x_N - np.float32(zone.x), y_N - np.float32(zone.y)
        inside_N = np.abs(cos * north_N - sin * east_N) < zone.half_width
        inside_N &= np.abs(cos * east_N + sin * north_N) < zone.half_length
        zone_N[inside_N] = index
    return zone_N
