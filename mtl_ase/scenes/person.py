"""A person in a random pose: an articulated figure whose pieces are labelled by limb."""

from __future__ import annotations

import math

import numpy as np

from mtl_ase.scenes.colours import near, tint
from mtl_ase.scenes.labels import PART_NAMES
from mtl_ase.scenes.pieces import Model, Paint, Piece, Texture, Vector, ball, frustum, rod
from mtl_ase.scenes.poses import Pose, draw_pose

SKIN, HAIR, SHIRT, TROUSERS, SHOES = range(5)
HEAD, TORSO = PART_NAMES.index("head"), PART_NAMES.index("torso")


def person(rng: np.random.Generator) -> Model:
    """Head, torso and eight limb segments, about 1.7 m tall, standing on the lower foot."""
    pose, stout = draw_pose(rng), rng.uniform(0.9, 1.2)
    pieces = _trunk(pose.lean, stout)
    for side, sign in enumerate((1, -1)):
        pieces += _arm(pose, side, sign, stout) + _leg(pose, side, sign, stout)
    lowest = min(p.centre[2] - p.half[2] for p in pieces if p.paint == SHOES)
    grounded = [p._replace(centre=_add(p.centre, (0, 0, -lowest))) for p in pieces]
    clothes = _clothes(rng)
    if rng.random() < 0.45:
        grounded = [_bare(p, ("llarm", "rlarm")) for p in grounded]
    if rng.random() < 0.25:
        grounded = [_bare(p, ("llleg", "rlleg")) for p in grounded]
    return Model(grounded, clothes)


def _trunk(lean: float, stout: float) -> list[Piece]:
    """The hips are the origin; the torso leans forward from them."""
    spine = (math.sin(lean), 0.0, math.cos(lean))
    waist, collar, head = (_along((0, 0, 0), spine, up) for up in (0.27, 0.55, 0.78))
    chest = (0.13 * stout, 0.19 * stout, 0.3)
    shoulders = (0.13 * stout, 0.23 * stout, 0.07)
    return [
        frustum(waist, chest, SHIRT, 1.2, spine, TORSO),
        ball(collar, shoulders, SHIRT, spine, TORSO),
        rod(collar, head, 0.06, SKIN, 1.0, TORSO),
        ball(head, (0.13, 0.12, 0.16), SKIN, spine, HEAD),
        ball(_add(head, (-0.03, 0, 0.05)), (0.135, 0.13, 0.135), HAIR, spine, HEAD),
    ]


def _arm(pose: Pose, side: int, sign: int, stout: float) -> list[Piece]:
    upper, lower = (PART_NAMES.index(f"{'lr'[side]}{segment}arm") for segment in "ul")
    spine = (math.sin(pose.lean), 0.0, math.cos(pose.lean))
    shoulder = _add(_along((0, 0, 0), spine, 0.54), (0, sign * 0.24 * stout, 0))
    swing, lift = pose.arm_swing[side], pose.arm_lift[side]
    elbow = _along(shoulder, _hanging(swing, sign * lift), 0.31)
    wrist = _along(elbow, _hanging(swing + pose.elbow[side], sign * lift * 0.8), 0.27)
    return [
        ball(shoulder, (0.08 * stout,) * 3, SHIRT, limb=upper),
        rod(shoulder, elbow, 0.075 * stout, SHIRT, 0.85, upper),
        rod(elbow, wrist, 0.065 * stout, SHIRT, 0.75, lower),
        ball(wrist, (0.07, 0.06, 0.08), SKIN, limb=lower),
    ]


def _leg(pose: Pose, side: int, sign: int, stout: float) -> list[Piece]:
    upper, lower = (PART_NAMES.index(f"{'lr'[side]}{segment}leg") for segment in "ul")
    hip = (0.0, sign * 0.1 * stout, 0.0)
    swing, spread = pose.leg_swing[side], sign * pose.leg_spread
    knee = _along(hip, _hanging(swing, spread), 0.42)
    ankle = _along(knee, _hanging(swing - pose.knee[side], spread), 0.4)
    return [
        rod(hip, knee, 0.11 * stout, TROUSERS, 0.8, upper),
        ball(knee, (0.085 * stout,) * 3, TROUSERS, limb=lower),
        rod(knee, ankle, 0.085 * stout, TROUSERS, 0.75, lower),
        ball(_add(ankle, (0.06, 0, -0.03)), (0.14, 0.07, 0.06), SHOES, limb=lower),
    ]


def _clothes(rng: np.random.Generator) -> list[Paint]:
    textures = (Texture.PLAIN, Texture.STRIPES_Z, Texture.CHECKS, Texture.SPOTS, Texture.STRIPES_X)
    any_hue = "red,orange,yellow,green,teal,blue,navy,purple,pink,white,black,grey"
    texture = textures[rng.choice(5, p=(0.4, 0.25, 0.15, 0.1, 0.1))]
    skin = near(rng, "skin,skin,tan,brown,dark skin")
    trousers = Paint(tint(rng, "navy,black,blue,tan,grey"), near(rng, "grey"))
    return [
        Paint(skin, skin),
        Paint(near(rng, "black,brown,orange,yellow,grey"), skin, Texture.GRAIN, 10),
        Paint(tint(rng, any_hue), near(rng, any_hue), texture, rng.uniform(5, 9)),
        trousers,
        Paint(near(rng, "black,white,brown,red"), trousers.colour),
    ]


def _bare(piece: Piece, limbs: tuple[str, str]) -> Piece:
    bare = PART_NAMES[piece.limb] in limbs and piece.paint != SHOES
    return piece._replace(paint=SKIN) if bare else piece


def _hanging(swing: float, lift: float) -> Vector:
    """Direction of a limb swung forwards and lifted sideways from hanging down."""
    return math.sin(swing) * math.cos(lift), math.sin(lift), -math.cos(swing) * math.cos(lift)


def _along(start: Vector, direction: Vector, length: float) -> Vector:
    return _add(start, (direction[0] * length, direction[1] * length, direction[2] * length))


def _add(a: Vector, b: Vector) -> Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]
