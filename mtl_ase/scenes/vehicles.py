"""Vehicles: aeroplane, bicycle, boat, bus, car, motorbike, train (smaller than real; metres)."""

from __future__ import annotations

import numpy as np

from mtl_ase.scenes.colours import near, tint
from mtl_ase.scenes.pieces import (
    AHEAD,
    Model,
    Paint,
    Texture,
    ball,
    box,
    frustum,
    rod,
    wheel,
)

BODY, DARK, TRIM = 0, 1, 2


def _dark(rng: np.random.Generator) -> Paint:
    return Paint(near(rng, "black", 0.03), near(rng, "grey"))


def aeroplane(rng: np.random.Generator) -> Model:
    """Cigar with swept wings, tail planes, fin and engines, mostly pale."""
    z = 0.5
    pieces = [ball((0, 0, z), (0.2, 0.2, 1.25), BODY, AHEAD)]
    for s in (-1, 1):
        pieces += [
            frustum((-0.05, s * 0.65, z), (0.28, 0.035, 0.62), TRIM, 0.4, (-0.25, s, 0.08)),
            frustum((-1.02, s * 0.25, z + 0.1), (0.14, 0.025, 0.25), TRIM, 0.5, (-0.3, s, 0.05)),
            frustum((0.12, s * 0.5, z - 0.11), (0.09, 0.09, 0.18), DARK, 0.8, AHEAD),
            wheel(-0.05, s * 0.22, 0.09, 0.06, DARK),
            rod((-0.05, s * 0.22, 0.09), (-0.05, s * 0.15, z), 0.025, DARK),
        ]
    pieces += [
        frustum((-1.08, 0, z + 0.3), (0.2, 0.03, 0.26), TRIM, 0.5, (-0.4, 0, 1)),
        wheel(0.85, 0, 0.08, 0.06, DARK),
        rod((0.85, 0, 0.08), (0.85, 0, z), 0.025, DARK),
    ]
    body = Paint(tint(rng, "white,silver,white,green"), near(rng, "glass,navy"))
    trim = Paint(tint(rng, "silver,white,grey,red,blue"), body.colour)
    return Model(pieces, [body, _dark(rng), trim])


def bicycle(rng: np.random.Generator) -> Model:
    """Two thin rings, a diamond of tubes, saddle and handlebar."""
    rear, front, crank = (-0.52, 0.0, 0.36), (0.52, 0.0, 0.36), (-0.08, 0.0, 0.34)
    seat, head = (-0.22, 0.0, 0.85), (0.36, 0.0, 0.88)
    tubes = [(rear, crank), (rear, seat), (crank, seat), (crank, head), (seat, head)]
    pieces = [wheel(x, 0, 0.37, 0.07, DARK, hole=0.82) for x in (-0.52, 0.52)]
    pieces += [rod(a, b, 0.035, BODY) for a, b in [*tubes, (front, (0.33, 0.0, 1.0))]]
    pieces += [
        rod((0.36, -0.25, 1.02), (0.36, 0.25, 1.02), 0.03, DARK),
        ball((-0.24, 0, 0.92), (0.15, 0.08, 0.05), DARK),
        wheel(-0.08, 0, 0.1, 0.12, TRIM)._replace(centre=crank),
    ]
    body = Paint(tint(rng, "red,blue,teal,yellow,white"), near(rng, "white"))
    return Model(pieces, [body, _dark(rng), Paint(near(rng, "silver"), body.colour)])


def motorbike(rng: np.random.Generator) -> Model:
    """Two fat tyres close together, a tank, seat, engine block and exhaust."""
    pieces = [wheel(x, 0, 0.32, 0.17, DARK, hole=0.45) for x in (-0.52, 0.55)]
    pieces += [wheel(x, 0, 0.15, 0.1, TRIM)._replace(centre=(x, 0, 0.32)) for x in (-0.52, 0.55)]
    pieces += [
        ball((0.14, 0, 0.72), (0.3, 0.16, 0.17), BODY),
        box((-0.32, 0, 0.7), (0.32, 0.12, 0.06), DARK),
        ball((-0.6, 0, 0.68), (0.2, 0.1, 0.09), BODY),
        box((0.0, 0, 0.4), (0.24, 0.14, 0.18), TRIM),
        rod((-0.1, 0.18, 0.26), (-0.8, 0.18, 0.36), 0.06, TRIM, 1.3),
        rod((0.55, 0, 0.32), (0.36, 0, 0.95), 0.06, TRIM),
        rod((0.34, -0.32, 0.98), (0.34, 0.32, 0.98), 0.035, DARK),
        ball((0.48, 0, 0.86), (0.1, 0.1, 0.1), TRIM),
    ]
    body = Paint(tint(rng, "red,black,blue,orange,green"), near(rng, "white"))
    return Model(pieces, [body, _dark(rng), Paint(near(rng, "silver,grey"), body.colour)])


def boat(rng: np.random.Generator) -> Model:
    """A hull wider at the top, with either mast and sails or a cabin."""
    hull = frustum((0, 0, 0.25), (1.15, 0.42, 0.27), BODY, 0.62, (0, 0, -1))
    pieces = [hull, frustum((0, 0, 0.53), (1.0, 0.36, 0.02), TRIM)]
    if rng.random() < 0.6:
        pieces += [
            rod((0.1, 0, 0.5), (0.1, 0, 2.1), 0.035, TRIM),
            frustum((-0.3, 0, 1.25), (0.5, 0.03, 0.68), DARK, 0.02, (0.3, 0, 1)),
            frustum((0.45, 0, 1.15), (0.38, 0.03, 0.55), DARK, 0.02, (-0.3, 0, 1)),
        ]
    else:
        pieces += [
            box((-0.25, 0, 0.75), (0.42, 0.26, 0.22), DARK),
            box((-0.25, 0, 0.99), (0.48, 0.3, 0.03), BODY),
            rod((-0.4, 0, 1.0), (-0.4, 0, 1.35), 0.08, TRIM),
        ]
    hue = tint(rng, "white,navy,red,brown,teal")
    body = Paint(hue, near(rng, "white,red"), Texture.STRIPES_Z, 2.2)
    cloth = Paint(tint(rng, "white,cream,white,orange"), near(rng, "red,blue"))
    return Model(pieces, [body, cloth, Paint(near(rng, "brown,tan"), near(rng, "brown"))])


def car(rng: np.random.Generator) -> Model:
    """A low body with a glass cabin, four wheels, lamps."""
    high = rng.uniform(0.9, 1.15)
    pieces = [
        box((0, 0, 0.42), (1.0, 0.44, 0.19), BODY),
        ball((0, 0, 0.55), (1.02, 0.45, 0.16), BODY),
        frustum((-0.12, 0, 0.76), (0.66, 0.5, 0.22 * high), DARK, 0.66),
        box((-0.12, 0, 0.6 + 0.38 * high), (0.36, 0.3, 0.025), BODY),
        ball((0.97, 0.28, 0.48), (0.06, 0.09, 0.07), TRIM),
        ball((0.97, -0.28, 0.48), (0.06, 0.09, 0.07), TRIM),
    ]
    for x in (-0.6, 0.62):
        for s in (-1, 1):
            pieces.append(wheel(x, s * 0.4, 0.22, 0.16, 3))
            pieces.append(wheel(x, s * 0.43, 0.1, 0.12, TRIM)._replace(centre=(x, s * 0.43, 0.22)))
    body = Paint(tint(rng, "red,blue,silver,white,black,yellow,teal"), near(rng, "white"))
    glass = Paint(near(rng, "glass"), body.colour)
    return Model(pieces, [body, glass, Paint(near(rng, "silver,cream"), body.colour), _dark(rng)])


def bus(rng: np.random.Generator) -> Model:
    """A tall box with a row of windows, a windscreen, four wheels."""
    pieces = [
        box((0, 0, 0.85), (1.4, 0.45, 0.62), BODY),
        box((1.4, 0, 1.0), (0.02, 0.38, 0.3), TRIM),
        box((0, 0, 0.32), (1.38, 0.43, 0.1), DARK),
        box((0, 0, 1.48), (1.3, 0.38, 0.03), DARK),
    ]
    pieces += [wheel(x, s * 0.4, 0.22, 0.14, DARK) for x in (-0.85, 0.9) for s in (-1, 1)]
    glass = near(rng, "glass")
    body = Paint(tint(rng, "red,yellow,blue,white,green"), glass, Texture.WINDOWS, 2.4)
    return Model(pieces, [body, _dark(rng), Paint(glass, body.colour)])


def train(rng: np.random.Generator) -> Model:
    """A long streamlined nose, coaches with windows and a stripe, many small wheels."""
    pieces = [
        ball((1.2, 0, 0.62), (0.45, 0.42, 0.75), BODY, AHEAD),
        ball((1.55, 0, 0.82), (0.25, 0.3, 0.25), TRIM),
        frustum((0.1, 0, 0.62), (0.45, 0.42, 1.1), BODY, 1.0, AHEAD),
        frustum((-1.85, 0, 0.62), (0.45, 0.42, 0.75), BODY, 1.0, AHEAD),
        box((-1.05, 0, 0.6), (0.1, 0.3, 0.3), DARK),
        box((-0.8, 0, 0.85), (1.75, 0.415, 0.1), TRIM),
        box((-0.8, 0, 0.48), (1.77, 0.425, 0.05), 3),
        box((-0.6, 0, 0.16), (1.9, 0.3, 0.09), DARK),
    ]
    pieces += [wheel(x, s * 0.3, 0.14, 0.1, DARK) for x in (-2.3, -1.4, -0.5, 0.7) for s in (-1, 1)]
    body = Paint(tint(rng, "silver,white,navy,teal"), near(rng, "grey"))
    glass = Paint(near(rng, "glass"), body.colour)
    stripe = Paint(tint(rng, "red,orange,blue,yellow"), body.colour)
    return Model(pieces, [body, _dark(rng), glass, stripe])
