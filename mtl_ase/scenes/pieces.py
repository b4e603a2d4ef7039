"""Building blocks of things: four painted solids in the coordinate frame of the thing.

A thing's frame: x forward, y left, z up, ground at z = 0, metres.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

Vector = tuple[float, float, float]
UP: Vector = (0.0, 0.0, 1.0)
SIDE: Vector = (0.0, 1.0, 0.0)
AHEAD: Vector = (1.0, 0.0, 0.0)


class Shape(IntEnum):
    """Solids in their own unit frame, all inside the cube [-1, 1]^3."""

    BALL = 0  # x^2 + y^2 + z^2 <= 1
    BOX = 1  # the cube
    FRUSTUM = 2  # radius 1 at z = -1, `form` at z = 1: cylinder 1, cone 0
    RING = 3  # the cylinder minus the cylinder of radius `form`


class Texture(IntEnum):
    """Procedural patterns, implemented in `textures.py`."""

    PLAIN = 0
    STRIPES_X = 1
    STRIPES_Y = 2
    STRIPES_Z = 3
    CHECKS = 4
    SPOTS = 5
    PATCHES = 6
    GRAIN = 7
    WINDOWS = 8
    GRID = 9
    BRICKS = 10
    PLANKS = 11


class Paint(NamedTuple):
    """Two RGB colours in [0, 1], mixed by a texture of `frequency` periods per metre."""

    colour: Vector
    second: Vector
    texture: Texture = Texture.PLAIN
    frequency: float = 1.0


class Piece(NamedTuple):
    """One solid: its unit frame is scaled by `half`, and its z axis rotated to `axis`."""

    shape: Shape
    centre: Vector  #: metres
    half: Vector  #: half extents along the solid's own axes, metres
    axis: Vector  #: direction of the solid's z axis, any length
    form: float  #: parameter of the shape: taper of a frustum, hole of a ring
    paint: int  #: index into `Model.paints`
    limb: int  #: index into `PART_NAMES`; 0 if it is no part of a person


class Model(NamedTuple):
    """The geometry and paints of a thing in its own frame."""

    pieces: list[Piece]
    paints: list[Paint]


def ball(centre: Vector, half: Vector, paint: int, axis: Vector = UP, limb: int = 0) -> Piece:
    """Ellipsoid."""
    return Piece(Shape.BALL, centre, half, axis, 0.0, paint, limb)


def box(centre: Vector, half: Vector, paint: int, axis: Vector = UP, limb: int = 0) -> Piece:
    """Box."""
    return Piece(Shape.BOX, centre, half, axis, 0.0, paint, limb)


def frustum(
    centre: Vector,
    half: Vector,
    paint: int,
    taper: float = 1.0,
    axis: Vector = UP,
    limb: int = 0,
) -> Piece:
    """Cylinder (taper 1), truncated cone or cone (taper 0) with an elliptic cross-section."""
    return Piece(Shape.FRUSTUM, centre, half, axis, taper, paint, limb)


def rod(
    start: Vector,
    end: Vector,
    radius: float,
    paint: int,
    taper: float = 1.0,
    limb: int = 0,
) -> Piece:
    """Circular frustum from `start`, with radius `radius`, to `end`, with radius * taper."""
    axis = (end[0] - start[0], end[1] - start[1], end[2] - start[2])
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, (start[2] + end[2]) / 2)
    half = (radius, radius, math.hypot(*axis) / 2)
    return Piece(Shape.FRUSTUM, middle, half, axis, taper, paint, limb)


def wheel(x: float, y: float, radius: float, width: float, paint: int, hole: float = 0.0) -> Piece:
    """Disc (hole 0) or tyre standing on the ground, its axle along y."""
    shape = Shape.RING if hole else Shape.FRUSTUM
    half = (radius, radius, width / 2)
    return Piece(shape, (x, y, radius), half, SIDE, hole or 1.0, paint, 0)


def extent(model: Model) -> tuple[float, float]:
    """Approximate radius around the z axis and height of a model, metres."""
    radius = max(math.hypot(p.centre[0], p.centre[1]) + _reach(p) for p in model.pieces)
    height = max(p.centre[2] + _rise(p) for p in model.pieces)
    return radius, height


def _reach(piece: Piece) -> float:
    upright = abs(piece.axis[2]) > 0.9 * math.hypot(*piece.axis)
    return 0.7 * max(piece.half[0], piece.half[1], 0.0 if upright else piece.half[2])


def _rise(piece: Piece) -> float:
    tilt = abs(piece.axis[2]) / math.hypot(*piece.axis)
    return tilt * piece.half[2] + (1 - tilt) * piece.half[0]
