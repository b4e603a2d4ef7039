"""Animals: a four-legged body with parameters for cat, dog, cow, horse and sheep; a bird."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mtl_ase.scenes.colours import near, tint
from mtl_ase.scenes.pieces import AHEAD, Model, Paint, Piece, Texture, ball, frustum, rod

COAT, DARK, MUZZLE = 0, 1, 2


class Build(NamedTuple):
    """Proportions of a four-legged animal, metres."""

    length: float  # of the trunk
    girth: float  # half the trunk's height
    leg: float
    thick: float  # radius of a leg
    neck: tuple[float, float]  # ahead and up, from the shoulders to the head
    head: float
    snout: float


def _four_legged(rng: np.random.Generator, build: Build) -> list[Piece]:
    """Trunk, four legs in mid-step, neck, head and snout, with a random direction of the head."""
    half, girth, leg = build.length / 2, build.girth, build.leg
    middle = leg + 0.8 * girth
    pieces = [ball((0, 0, middle), (girth, 0.85 * girth, half * 1.1), COAT, AHEAD)]
    side = 0.5 * girth
    for x in (-0.72 * half, 0.72 * half):
        for y in (-side, side):
            step = rng.uniform(-0.25, 0.25) * leg
            pieces.append(rod((x + step, y, 0), (x, y, middle), build.thick * 0.8, COAT, 1.5))
    turn, nod = rng.uniform(-0.5, 0.5), rng.uniform(-0.25, 0.15) * build.neck[1]
    shoulder = (0.75 * half, 0.0, middle + 0.25 * girth)
    head = (shoulder[0] + build.neck[0], turn * build.head, shoulder[2] + build.neck[1] + nod)
    pieces.append(rod(shoulder, head, 0.55 * girth, COAT, 0.6))
    pieces.append(ball(head, (build.head,) * 3, COAT))
    nose = (head[0] + build.head * 0.5 + build.snout, head[1] + turn * build.snout, head[2] * 0.96)
    pieces.append(rod(head, nose, 0.72 * build.head, MUZZLE, 0.75))
    return pieces


def _head_of(pieces: list[Piece]) -> tuple[float, float, float]:
    return pieces[6].centre


def _ears(pieces: list[Piece], size: float, droop: bool) -> list[Piece]:
    x, y, z = _head_of(pieces)
    radius = pieces[6].half[0]
    if droop:
        return [
            ball((x, y + s * radius, z), (size * 0.5, size * 0.25, size), DARK) for s in (-1, 1)
        ]
    tip, low = z + radius + size, z + 0.5 * radius
    return [
        rod((x, y + s * 0.6 * radius, low), (x, y + s * 0.8 * radius, tip), size * 0.5, DARK, 0)
        for s in (-1, 1)
    ]


def _tail(build: Build, rise: float, thick: float, paint: int = COAT) -> Piece:
    x, z = -build.length / 2, build.leg + 1.3 * build.girth
    reach = 0.35 * build.length if rise > 0 else 0.12 * build.length
    return rod((x, 0, z), (x - reach, 0, z + rise), thick, paint, 0.6)


def cat(rng: np.random.Generator) -> Model:
    """Slim, round head, pointed ears, long raised tail; often striped."""
    build = Build(0.75, 0.15, 0.26, 0.055, (0.12, 0.16), 0.16, 0.02)
    pieces = _four_legged(rng, build)
    pieces += _ears(pieces, 0.13, droop=False)
    pieces.append(_tail(build, rng.uniform(0.2, 0.5), 0.05))
    texture = (Texture.STRIPES_Z, Texture.STRIPES_Z, Texture.PLAIN, Texture.GRAIN)[rng.integers(4)]
    coat = Paint(tint(rng, "orange,grey,tan"), near(rng, "black,brown"), texture, 9)
    return Model(pieces, [coat, coat, Paint(near(rng, "white,pink,cream"), coat.colour)])


def dog(rng: np.random.Generator) -> Model:
    """Long snout, drooping ears, short raised tail; plain or with large patches."""
    build = Build(0.85, 0.18, 0.36, 0.065, (0.16, 0.22), 0.15, 0.17)
    pieces = _four_legged(rng, build)
    pieces += _ears(pieces, 0.17, droop=True)
    pieces.append(_tail(build, rng.uniform(0.1, 0.3), 0.04))
    texture = Texture.PATCHES if rng.random() < 0.4 else Texture.PLAIN
    coat = Paint(tint(rng, "brown,tan,black,cream"), near(rng, "white,brown"), texture, 2.5)
    dark = Paint(near(rng, "brown,black"), coat.second)
    return Model(pieces, [coat, dark, Paint(coat.colour, coat.second)])


def cow(rng: np.random.Generator) -> Model:
    """Heavy barrel with black or brown patches, horns, udder."""
    build = Build(1.5, 0.4, 0.5, 0.1, (0.3, 0.12), 0.2, 0.22)
    pieces = _four_legged(rng, build)
    pieces += _ears(pieces, 0.17, droop=False)
    pieces += [
        ball((-0.35, 0, build.leg + 0.02), (0.16, 0.16, 0.12), 3),
        _tail(build, -0.45, 0.04, DARK),
    ]
    texture = Texture.PATCHES if rng.random() < 0.75 else Texture.PLAIN
    coat = Paint(tint(rng, "white,white,tan"), near(rng, "black,brown"), texture, 1.6)
    pink = Paint(near(rng, "pink"), coat.colour)
    return Model(pieces, [coat, Paint(near(rng, "cream,grey"), coat.second), pink, pink])


def horse(rng: np.random.Generator) -> Model:
    """Long legs, long raised neck with a mane, long hanging tail."""
    build = Build(1.35, 0.3, 0.8, 0.085, (0.42, 0.5), 0.16, 0.3)
    pieces = _four_legged(rng, build)
    pieces += _ears(pieces, 0.1, droop=False)
    x, y, z = _head_of(pieces)
    pieces += [
        rod((x - 0.55, 0, z - 0.45), (x - 0.1, y, z + 0.16), 0.12, DARK, 0.9),
        _tail(build, -0.7, 0.09, DARK),
    ]
    coat = Paint(tint(rng, "brown,brick,brown,black,white"), near(rng, "white"))
    return Model(pieces, [coat, Paint(near(rng, "black,cream"), coat.colour), coat])


def sheep(rng: np.random.Generator) -> Model:
    """A ball of wool on short thin dark legs, dark face."""
    build = Build(0.9, 0.26, 0.3, 0.05, (0.16, 0.1), 0.14, 0.12)
    pieces = [
        p._replace(paint=DARK) if 1 <= i <= 4 or i >= 6 else p
        for i, p in enumerate(_four_legged(rng, build))
    ]
    pieces += _ears(pieces, 0.1, droop=True)
    for x in (-0.3, 0.0, 0.3):
        z = build.leg + 0.3 + rng.uniform(-0.03, 0.05)
        pieces.append(ball((x, rng.uniform(-0.06, 0.06), z), (0.3, 0.31, 0.29), COAT))
    wool = Paint(tint(rng, "cream,white,grey"), near(rng, "tan,grey"), Texture.GRAIN, 14)
    return Model(pieces, [wool, Paint(near(rng, "black,brown,cream"), wool.colour)])


def bird(rng: np.random.Generator) -> Model:
    """Small slanting body, round head, beak, fan tail; wings folded or spread."""
    lean = (0.9, 0, rng.uniform(0.1, 0.6))
    head = (0.3, rng.uniform(-0.05, 0.05), 0.62)
    pieces = [
        ball((0, 0, 0.4), (0.17, 0.15, 0.34), COAT, lean),
        ball(head, (0.13, 0.13, 0.13), DARK),
        rod((head[0] + 0.08, head[1], head[2]), (head[0] + 0.34, head[1], 0.58), 0.06, MUZZLE, 0),
        frustum((-0.42, 0, 0.3), (0.03, 0.16, 0.2), DARK, 0.3, (1, 0, 0.3)),
    ]
    pieces += [rod((0.02, s * 0.07, 0), (0, s * 0.07, 0.3), 0.025, MUZZLE) for s in (-1, 1)]
    if rng.random() < 0.5:
        rise = rng.uniform(-0.1, 0.35)
        pieces += [
            frustum((0, s * 0.4, 0.45 + rise / 2), (0.17, 0.03, 0.36), DARK, 0.35, (-0.1, s, rise))
            for s in (-1, 1)
        ]
    else:
        pieces += [ball((-0.08, s * 0.13, 0.42), (0.12, 0.05, 0.3), DARK, lean) for s in (-1, 1)]
    body = Paint(tint(rng, "blue,red,white,brown,grey,yellow"), near(rng, "white"))
    wing = Paint(tint(rng, "navy,black,brown,grey"), body.colour, Texture.STRIPES_Z, 8)
    return Model(pieces, [body, wing, Paint(near(rng, "orange,yellow,grey"), wing.colour)])
