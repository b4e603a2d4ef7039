"""Household objects: bottle, chair, dining table, potted plant, sofa, TV (small, in metres)."""

from __future__ import annotations

import math

import numpy as np

from mtl_ase.scenes.colours import near, tint
from mtl_ase.scenes.pieces import (
    AHEAD,
    Model,
    Paint,
    Piece,
    Texture,
    ball,
    box,
    frustum,
    rod,
)

WOOD = "brown,tan"


def _legs(x: float, y: float, height: float, radius: float, paint: int) -> list[Piece]:
    return [
        rod((sx * x, sy * y, 0), (sx * x, sy * y, height), radius, paint)
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]


def _wood(rng: np.random.Generator) -> Paint:
    return Paint(tint(rng, WOOD), near(rng, "brown"), Texture.PLANKS, 6)


def bottle(rng: np.random.Generator) -> Model:
    """Cylinder, label, tapering shoulder, neck and cap."""
    radius, tall = rng.uniform(0.13, 0.19), rng.uniform(0.5, 0.7)
    pieces = [
        frustum((0, 0, tall / 2), (radius, radius, tall / 2), 0),
        frustum((0, 0, tall * 0.45), (radius * 1.03, radius * 1.03, tall * 0.22), 1),
        frustum((0, 0, tall + 0.1), (radius, radius, 0.1), 0, 0.38),
        frustum((0, 0, tall + 0.27), (radius * 0.38, radius * 0.38, 0.1), 0),
        frustum((0, 0, tall + 0.37), (radius * 0.48, radius * 0.48, 0.04), 2),
    ]
    glass = Paint(tint(rng, "green,brown,teal,white,leaf"), near(rng, "white"))
    label = Paint(tint(rng, "white,cream,red,yellow"), near(rng, "red,blue"), Texture.STRIPES_Z, 9)
    return Model(pieces, [glass, label, Paint(near(rng, "red,silver,blue"), glass.colour)])


def chair(rng: np.random.Generator) -> Model:
    """Seat on four legs and a back that leans: a board, or bars."""
    pieces = [*_legs(0.24, 0.24, 0.5, 0.035, 0), box((0, 0, 0.52), (0.29, 0.29, 0.04), 1)]
    if rng.random() < 0.5:
        pieces.append(box((-0.31, 0, 0.88), (0.035, 0.28, 0.34), 1, (-0.15, 0, 1)))
    else:
        pieces += [rod((-0.27, y, 0.5), (-0.35, y, 1.2), 0.03, 0) for y in (-0.25, 0, 0.25)]
        pieces.append(box((-0.34, 0, 1.12), (0.035, 0.29, 0.1), 1))
    seat = Paint(tint(rng, "brown,tan,red,black,white"), near(rng, "brown"), Texture.PLANKS, 5)
    return Model(pieces, [_wood(rng), seat])


def diningtable(rng: np.random.Generator) -> Model:
    """A wide top, often under a checked cloth, on four legs or one; plates on it."""
    high = 0.72
    round_top = rng.random() < 0.4
    if round_top:
        pieces = [
            frustum((0, 0, high), (0.75, 0.75, 0.035), 1),
            rod((0, 0, 0), (0, 0, high), 0.09, 0),
            frustum((0, 0, 0.04), (0.35, 0.35, 0.04), 0, 0.6),
        ]
    else:
        pieces = [*_legs(0.78, 0.45, high, 0.045, 0), box((0, 0, high), (0.92, 0.56, 0.035), 1)]
    for x, y in ((-0.35, 0.2), (0.35, -0.2), (0.1, 0.3)):
        pieces.append(frustum((x, y, high + 0.045), (0.08, 0.08, 0.012), 2, 1.6))
    hue = tint(rng, "white,cream,tan,brown")
    texture = (Texture.CHECKS, Texture.STRIPES_X, Texture.PLANKS)[rng.integers(3)]
    cloth = Paint(hue, near(rng, "red,blue,brown,green"), texture, 5)
    return Model(pieces, [_wood(rng), cloth, Paint(near(rng, "white,blue"), hue)])


def pottedplant(rng: np.random.Generator) -> Model:
    """A pot, wider at the top, with a crown of leaves or flowers."""
    pieces = [
        frustum((0, 0, 0.2), (0.24, 0.24, 0.2), 0, 0.68, (0, 0, -1)),
        frustum((0, 0, 0.4), (0.27, 0.27, 0.035), 0),
        rod((0, 0, 0.4), (0, 0, 0.75), 0.03, 2),
    ]
    blades = int(rng.integers(6, 10))
    spread = rng.uniform(0.25, 0.45)
    for i in range(blades):
        angle = 2 * math.pi * (i / blades) + rng.uniform(-0.3, 0.3)
        x, y, z = spread * math.cos(angle), spread * math.sin(angle), rng.uniform(0.5, 1.0)
        leaf = ball((x * 0.7, y * 0.7, z), (0.06, 0.12, 0.27), 1, (x, y, z - 0.45))
        pieces.append(leaf)
        if i % 3 == 0 and z > 0.6:
            pieces.append(ball((x, y, z + 0.2), (0.07, 0.07, 0.07), 3))
    leaf_paint = Paint(tint(rng, "green,leaf"), near(rng, "leaf,yellow"), Texture.GRAIN, 8)
    pot = Paint(tint(rng, "brick,white,brown,blue"), near(rng, "cream"))
    flower = Paint(tint(rng, "red,pink,yellow,purple,white"), near(rng, "white"))
    return Model(pieces, [pot, leaf_paint, Paint(near(rng, "green"), pot.colour), flower])


def sofa(rng: np.random.Generator) -> Model:
    """A deep seat between two arms, a long back, cushions."""
    pieces = [
        box((0, 0, 0.22), (0.42, 0.95, 0.18), 0),
        box((-0.38, 0, 0.55), (0.14, 0.95, 0.36), 0, (-0.12, 0, 1)),
        box((0, 0, 0.02), (0.38, 0.9, 0.02), 2),
    ]
    for s in (-1, 1):
        pieces += [
            box((0.02, s * 0.92, 0.36), (0.44, 0.12, 0.28), 0),
            frustum((0.02, s * 0.92, 0.62), (0.13, 0.13, 0.46), 0, 1.0, AHEAD),
            box((0.08, s * 0.4, 0.44), (0.36, 0.37, 0.07), 1),
            ball((-0.18, s * 0.45, 0.66), (0.12, 0.27, 0.2), 1),
        ]
    texture = (Texture.PLAIN, Texture.STRIPES_Y, Texture.SPOTS, Texture.CHECKS)[rng.integers(4)]
    fabric = Paint(
        tint(rng, "red,brown,navy,cream,green,purple"), near(rng, "cream,tan"), texture, 4
    )
    cushion = (
        Paint(fabric.colour, fabric.second, texture, 4)
        if rng.random() < 0.5
        else Paint(tint(rng, "cream,orange,teal,grey"), near(rng, "white"))
    )
    return Model(pieces, [fabric, cushion, Paint(near(rng, "black,brown"), fabric.colour)])


def tvmonitor(rng: np.random.Generator) -> Model:
    """A frame around a dark or glowing screen, on a stand or a low table."""
    wide, tall = rng.uniform(0.5, 0.68), rng.uniform(0.33, 0.42)
    low = rng.uniform(0.12, 0.5)
    z = low + tall + 0.04
    deep = 0.05 if rng.random() < 0.6 else 0.25
    pieces = [
        box((-deep, 0, z), (deep, wide, tall), 0),
        box((0.005, 0, z), (0.008, wide * 0.9, tall * 0.86), 1),
        rod((-deep, 0, 0), (-deep, 0, low + 0.05), 0.07, 0),
        frustum((-deep, 0, 0.025), (0.22, 0.34, 0.025), 0),
    ]
    frame = Paint(tint(rng, "black,black,silver,grey"), near(rng, "grey"))
    glowing = rng.random() < 0.5
    picture = Paint(
        tint(rng, "blue,teal,glass"), tint(rng, "white,orange,green"), Texture.PATCHES, 3
    )
    off = Paint(near(rng, "black,glass", 0.03), near(rng, "glass"))
    return Model(pieces, [frame, picture if glowing else off])
