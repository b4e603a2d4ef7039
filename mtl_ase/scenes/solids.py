"""All pieces of a scene as arrays, in world coordinates (z up, ground at z = 0, metres).

Legend: S solids, 3 x y z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtl_ase.scenes.pieces import Model, Paint, Vector

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]


class Thing(NamedTuple):
    """A model placed in the world; `name` is its PASCAL-Context name, `yaw` in radians."""

    name: str
    model: Model
    position: Vector
    yaw: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class Solids:
    """All solids as arrays, sorted by shape; unit frame to world: x = centre + frame @ p."""

    shape_S: Ints
    centre_S3: Floats
    frame_S33: Floats
    inverse_S33: Floats  #: inverse of frame_S33
    half_S3: Floats  #: half extents, metres
    form_S: Floats  #: `Piece.form`
    paint_S: Ints  #: index into the list of all paints
    thing_S: Ints  #: number of the thing
    limb_S: Ints  #: `Piece.limb`


def solids_of(things: list[Thing]) -> tuple[Solids, list[Paint]]:
    """The pieces of all things as arrays, and the list of their paints."""
    rows: list[tuple[float, ...]] = []
    paints: list[Paint] = []
    for index, thing in enumerate(things):
        turn = (math.cos(thing.yaw), math.sin(thing.yaw), thing.scale, *thing.position)
        for piece in thing.model.pieces:
            shape, centre, half, axis, form, paint, limb = piece
            row = (shape, *centre, *half, *axis, form, paint + len(paints), index, limb, *turn)
            rows.append(row)
        paints.extend(thing.model.paints)
    table = np.array(rows, dtype=np.float64)
    return _place(table[np.argsort(table[:, 0], kind="stable")]), paints


def _place(table: NDArray[np.float64]) -> Solids:
    cos, sin, scale, position_S3 = table[:, 14], table[:, 15], table[:, 16], table[:, 17:20]
    turn_S33 = np.zeros((len(table), 3, 3))
    turn_S33[:, 0, 0] = turn_S33[:, 1, 1] = cos
    turn_S33[:, 1, 0], turn_S33[:, 0, 1] = sin, -sin
    turn_S33[:, 2, 2] = 1
    half_S3 = table[:, 4:7] * scale[:, None]
    rotation_S33 = turn_S33 @ _rotation_to(table[:, 7:10])
    centre_S3 = position_S3 + scale[:, None] * (turn_S33 @ table[:, 1:4, None])[:, :, 0]
    inverse_S33 = rotation_S33.swapaxes(1, 2) / half_S3[:, :, None]
    return Solids(
        shape_S=table[:, 0].astype(np.intp),
        centre_S3=centre_S3.astype(np.float32),
        frame_S33=(rotation_S33 * half_S3[:, None, :]).astype(np.float32),
        inverse_S33=inverse_S33.astype(np.float32),
        half_S3=half_S3.astype(np.float32),
        form_S=table[:, 10].astype(np.float32),
        paint_S=table[:, 11].astype(np.intp),
        thing_S=table[:, 12].astype(np.intp),
        limb_S=table[:, 13].astype(np.intp),
    )


def _rotation_to(axis_S3: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations with z axis `axis_S3` and x axis near world x (near -z if the axis is along x)."""
    z_S3 = axis_S3 / np.linalg.norm(axis_S3, axis=1, keepdims=True)
    along_x = np.abs(z_S3[:, :1]) > 0.99
    lean_S3 = np.where(along_x, [[0.0, 0.0, -1.0]], [[1.0, 0.0, 0.0]])
    x_S3 = lean_S3 - (lean_S3 * z_S3).sum(1, keepdims=True) * z_S3
    x_S3 /= np.linalg.norm(x_S3, axis=1, keepdims=True)
    return np.stack([x_S3, np.cross(z_S3, x_S3), z_S3], axis=2)
