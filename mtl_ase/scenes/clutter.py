"""Background objects: VOC labels them background; only PASCAL-Context's `LabelMap` names them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mtl_ase.scenes.colours import near, tint
from mtl_ase.scenes.pieces import Model, Paint, Texture, ball, box, frustum, rod


def _two_paints(rng: np.random.Generator, first: str, second: str) -> list[Paint]:
    """Two plain paints, each of a random colour near one of comma-separated names."""
    one, two = tint(rng, first), tint(rng, second)
    return [Paint(one, two), Paint(two, one)]


def tree(rng: np.random.Generator) -> Model:
    """A trunk under a leafy crown or a stack of cones."""
    tall = rng.uniform(1.8, 3.5)
    pieces = [rod((0, 0, 0), (0, 0, tall * 0.6), 0.13, 1, 0.7)]
    if rng.random() < 0.6:
        for _ in range(3):
            x, y = rng.uniform(-0.4, 0.4, 2)
            pieces.append(ball((x, y, tall * rng.uniform(0.65, 0.9)), (0.6, 0.6, 0.5), 0))
    else:
        pieces += [
            frustum((0, 0, tall * z), (r, r, 0.2 * tall), 0, 0.05)
            for z, r in ((0.45, 0.75), (0.65, 0.6), (0.85, 0.42))
        ]
    leaves = Paint(near(rng, "green,leaf"), near(rng, "green"), Texture.GRAIN, 6)
    return Model(pieces, [leaves, Paint(near(rng, "brown"), near(rng, "tan"))])


def rock(rng: np.random.Generator) -> Model:
    """Two overlapping grey lumps."""
    a, b, c = rng.uniform(0.18, 0.5, 3)
    stone = Paint(near(rng, "grey,tan"), near(rng, "asphalt"), Texture.GRAIN, 5)
    return Model([ball((0, 0, 0.1), (a, b, c), 0), ball((0.6 * a, 0, 0), (b, a, c), 0)], [stone])


def flower(rng: np.random.Generator) -> Model:
    """A tuft of stems with round blossoms."""
    pieces = []
    for _ in range(5):
        x, y = rng.uniform(-0.25, 0.25, 2)
        tall = rng.uniform(0.25, 0.55)
        pieces += [
            rod((x, y, 0), (x, y, tall), 0.02, 1),
            ball((x, y, tall), (0.08, 0.08, 0.06), 0),
        ]
    return Model(pieces, _two_paints(rng, "red,pink,yellow,purple,white", "green,leaf"))


def fence(rng: np.random.Generator) -> Model:
    """Posts and two rails."""
    pieces = [box((0, y, 0.4), (0.05, 0.05, 0.4), 0) for y in (-1.4, -0.7, 0, 0.7, 1.4)]
    pieces += [box((0, 0, z), (0.025, 1.6, 0.06), 0) for z in (0.35, 0.65)]
    return Model(pieces, _two_paints(rng, "brown,white,tan", "brown"))


def bench(rng: np.random.Generator) -> Model:
    """Planks on two supports with a low back."""
    pieces = [
        box((0, 0, 0.4), (0.2, 0.7, 0.03), 0),
        box((-0.2, 0, 0.65), (0.025, 0.7, 0.12), 0),
        box((0, -0.5, 0.2), (0.18, 0.04, 0.2), 1),
        box((0, 0.5, 0.2), (0.18, 0.04, 0.2), 1),
    ]
    return Model(pieces, _two_paints(rng, "brown,tan,green", "black,grey"))


def pole(rng: np.random.Generator) -> Model:
    """A lamp post."""
    tall = rng.uniform(1.8, 2.8)
    pieces = [rod((0, 0, 0), (0, 0, tall), 0.05, 0), ball((0, 0, tall), (0.12, 0.12, 0.14), 1)]
    return Model(pieces, _two_paints(rng, "grey,black,green", "cream,white"))


def sign(rng: np.random.Generator) -> Model:
    """A round or square plate on a post."""
    plate = (
        frustum((0.03, 0, 1.2), (0.28, 0.28, 0.02), 1, 1.0, (1, 0, 0))
        if rng.random() < 0.5
        else box((0.03, 0, 1.2), (0.02, 0.26, 0.26), 1)
    )
    paints = _two_paints(rng, "grey,silver", "red,blue,yellow")
    paints[1] = paints[1]._replace(second=near(rng, "white"), texture=Texture.CHECKS, frequency=3)
    return Model([rod((0, 0, 0), (0, 0, 1.4), 0.035, 0), plate], paints)


def cone(rng: np.random.Generator) -> Model:
    """A traffic cone."""
    paint = Paint(tint(rng, "orange,red"), near(rng, "white"), Texture.STRIPES_Z, 4)
    pieces = [
        frustum((0, 0, 0.32), (0.18, 0.18, 0.3), 0, 0.15),
        box((0, 0, 0.02), (0.22, 0.22, 0.02), 0),
    ]
    return Model(pieces, [paint])


def barrel(rng: np.random.Generator) -> Model:
    """A cylinder with hoops."""
    paint = Paint(tint(rng, "brown,blue,green"), near(rng, "black,grey"), Texture.STRIPES_Z, 3.5)
    return Model([frustum((0, 0, 0.42), (0.28, 0.28, 0.42), 0)], [paint])


def bucket(rng: np.random.Generator) -> Model:
    """A short cone, open side up."""
    pieces = [frustum((0, 0, 0.2), (0.22, 0.22, 0.2), 0, 0.7, (0, 0, -1))]
    return Model(pieces, _two_paints(rng, "red,blue,grey,yellow", "white"))


def toy_ball(rng: np.random.Generator) -> Model:
    """A striped ball."""
    radius = rng.uniform(0.15, 0.32)
    paint = Paint(tint(rng, "red,blue,yellow"), near(rng, "white"), Texture.STRIPES_X, 5)
    return Model([ball((0, 0, radius), (radius,) * 3, 0)], [paint])


def crate(rng: np.random.Generator) -> Model:
    """A box, perhaps with another on top."""
    a, b, c = rng.uniform(0.2, 0.4, 3)
    pieces = [box((0, 0, c), (a, b, c), 0)]
    if rng.random() < 0.4:
        pieces.append(box((0.05, 0, 2 * c + 0.15), (0.2, 0.2, 0.15), 1, (0, 0.02, 1)))
    return Model(pieces, _two_paints(rng, "tan,brown,red", "tan,white,blue"))


def cabinet(rng: np.random.Generator) -> Model:
    """A chest with two doors and knobs."""
    high = rng.uniform(0.4, 0.8)
    pieces = [box((0, 0, high), (0.28, 0.5, high), 0)]
    pieces += [box((0.28, s * 0.24, high), (0.02, 0.21, high * 0.85), 1) for s in (-1, 1)]
    wood = Paint(tint(rng, "brown,tan,white"), near(rng, "brown"), Texture.PLANKS, 4)
    return Model(pieces, [wood, Paint(tint(rng, "brown,tan,cream"), wood.colour)])


def shelves(rng: np.random.Generator) -> Model:
    """Boards between two sides, with books."""
    pieces = [box((0, s * 0.5, 0.8), (0.16, 0.03, 0.8), 0) for s in (-1, 1)]
    for z in (0.1, 0.55, 1.0, 1.5):
        pieces.append(box((0, 0, z), (0.16, 0.5, 0.025), 0))
        wide, at = rng.uniform(0.12, 0.35), rng.uniform(-0.15, 0.15)
        pieces.append(box((0, at, z + 0.17), (0.12, wide, 0.15), 1))
    paints = _two_paints(rng, "brown,tan,white", "red,blue,green,cream")
    paints[1] = paints[1]._replace(texture=Texture.STRIPES_Y, frequency=9)
    return Model(pieces, paints)


def lamp(rng: np.random.Generator) -> Model:
    """A standard lamp."""
    pieces = [
        rod((0, 0, 0), (0, 0, 1.2), 0.03, 1),
        frustum((0, 0, 1.3), (0.26, 0.26, 0.18), 0, 0.6),
        frustum((0, 0, 0.02), (0.18, 0.18, 0.02), 1),
    ]
    return Model(pieces, _two_paints(rng, "cream,orange,white", "black,silver"))


def mountain(rng: np.random.Generator) -> Model:
    """A distant hill or peak."""
    wide, tall = rng.uniform(8, 16), rng.uniform(2, 7)
    paints = [Paint(near(rng, "grey,green,tan"), near(rng, "asphalt,grass"), Texture.GRAIN, 0.4)]
    if rng.random() < 0.5:
        return Model([ball((0, 0, 0), (4, wide, tall), 0)], paints)
    return Model([frustum((0, 0, tall / 2), (6, wide * 0.8, tall / 2), 0, math.exp(-3))], paints)


CLUTTER: dict[str, Callable[[np.random.Generator], Model]] = {
    "tree": tree,
    "rock": rock,
    "flower": flower,
    "fence": fence,
    "bench": bench,
    "pole": pole,
    "sign": sign,
    "cone": cone,
    "barrel": barrel,
    "bucket": bucket,
    "ball": toy_ball,
    "box": crate,
    "cabinet": cabinet,
    "shelves": shelves,
    "light": lamp,
}
"""Functions that make a random background object, by PASCAL-Context name."""
