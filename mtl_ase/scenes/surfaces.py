"""Visible surfaces of a view: point, normal, thing, limb and paint at every pixel.

Legend: N = HW pixels, S solids, 3 x y z.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mtl_ase.scenes.casting import Hits
from mtl_ase.scenes.ground import Zone, ground_depth, zone_at
from mtl_ase.scenes.pieces import Shape
from mtl_ase.scenes.solids import Floats, Ints, Solids
from mtl_ase.scenes.views import View


class Surfaces(NamedTuple):
    """Visible surfaces by pixel; things are numbered: things, then ground zones, then sky."""

    depth_N: Floats  # metres along the optical axis; 0 for sky
    point_3N: Floats  # world coordinates, metres
    normal_3N: Floats  # unit vectors, world axes; zero for sky
    unit_3N: Floats  # point in the solid's unit frame; (0, 0, 1) on the ground
    local_3N: Floats  # unit_3N in metres; the world point on the ground
    solid_N: Ints  # -1 for ground and sky
    thing_N: Ints  # number of the thing
    limb_N: Ints  # `Piece.limb`
    paint_N: Ints  # index into the list of all paints


def visible_surfaces(
    view: View, hits: Hits, solids: Solids, zones: list[Zone], things: int, paints: int
) -> Surfaces:
    """The surfaces that the rays of a view hit: solids, else the ground, else the sky.

    Args:
        view: the view.
        hits: the nearest solids by pixel.
        solids: all solids.
        zones: zones of the ground.
        things: number of things, i.e. the number of the first ground zone.
        paints: index of the first ground zone's paint.
    """
    grid_3N = view.grid()
    ground_N = ground_depth(view, grid_3N)
    solid_N = np.where(hits.t_HW < ground_N, hits.solid_HW, -1)
    t_N = np.minimum(hits.t_HW, ground_N)
    sky_N = ~np.isfinite(t_N)
    t_N[sky_N] = 0
    point_3N = view.origin_33 @ grid_3N + t_N * (view.direction_33 @ grid_3N)
    local_3N, unit_3N, normal_3N = point_3N.copy(), np.zeros_like(point_3N), np.zeros_like(point_3N)
    unit_3N[2] = normal_3N[2] = ~sky_N
    zone_N = zone_at(zones, point_3N[0], point_3N[1])
    thing_N, paint_N = things + zone_N, paints + zone_N
    thing_N[sky_N], paint_N[sky_N] = things + len(zones), paints
    limb_N = np.zeros_like(thing_N)
    on_N = np.flatnonzero(solid_N >= 0)
    owner_N = solid_N[on_N]
    unit_3N[:, on_N], local_3N[:, on_N], normal_3N[:, on_N] = _on_solids(
        solids, owner_N, point_3N[:, on_N]
    )
    thing_N[on_N] = solids.thing_S[owner_N]
    limb_N[on_N] = solids.limb_S[owner_N]
    paint_N[on_N] = solids.paint_S[owner_N]
    return Surfaces(t_N, point_3N, normal_3N, unit_3N, local_3N, solid_N, thing_N, limb_N, paint_N)


def _on_solids(solids: Solids, owner_N: Ints, point_3N: Floats) -> tuple[Floats, Floats, Floats]:
    """Unit-frame coordinates, the same in metres, and world normals of points on solids."""
    offset_3N = point_3N - solids.centre_S3[owner_N].T
    inverse_N33 = solids.inverse_S33[owner_N]
    half_3N = solids.half_S3[owner_N].T
    unit_3N = np.einsum("nij,jn->in", inverse_N33, offset_3N)
    gradient_3N = _unit_normals(solids.shape_S[owner_N], unit_3N, half_3N, solids.form_S[owner_N])
    normal_3N = np.einsum("nij,in->jn", inverse_N33, gradient_3N)
    normal_3N /= np.sqrt(np.einsum("in,in->n", normal_3N, normal_3N))
    return unit_3N, unit_3N * half_3N, normal_3N


def _unit_normals(shape_N: Ints, unit_3N: Floats, half_3N: Floats, form_N: Floats) -> Floats:
    """Outward gradients in the unit frame, which the transposed inverse frame maps to the world."""
    normal_3N = unit_3N.copy()
    for shape, gradient in ((Shape.BOX, _box), (Shape.FRUSTUM, _frustum), (Shape.RING, _ring)):
        at_N = np.flatnonzero(shape_N == shape)
        normal_3N[:, at_N] = gradient(unit_3N[:, at_N], half_3N[:, at_N], form_N[at_N])
    return normal_3N


def _box(unit_3N: Floats, half_3N: Floats, form_N: Floats) -> Floats:
    inside_3N = (1 - np.abs(unit_3N)) * half_3N
    return np.where(inside_3N == inside_3N.min(0), np.sign(unit_3N), np.float32(0))


def _frustum(unit_3N: Floats, half_3N: Floats, form_N: Floats) -> Floats:
    slope_N = (form_N - 1) / 2
    radius_N = np.hypot(unit_3N[0], unit_3N[1])
    edge_N = (form_N + 1) / 2 + slope_N * unit_3N[2]
    side_3N = np.stack([unit_3N[0], unit_3N[1], -slope_N * edge_N])
    return _capped(side_3N, edge_N - radius_N, unit_3N, half_3N)


def _ring(unit_3N: Floats, half_3N: Floats, form_N: Floats) -> Floats:
    radius_N = np.hypot(unit_3N[0], unit_3N[1])
    outwards_N = np.sign(radius_N - (1 + form_N) / 2)
    side_3N = np.stack([unit_3N[0] * outwards_N, unit_3N[1] * outwards_N, 0 * radius_N])
    gap_N = np.minimum(np.abs(1 - radius_N), np.abs(radius_N - form_N))
    return _capped(side_3N, gap_N, unit_3N, half_3N)


def _capped(side_3N: Floats, gap_N: Floats, unit_3N: Floats, half_3N: Floats) -> Floats:
    """The normal of the lateral surface or of the cap, whichever is nearer to the point."""
    on_cap_N = np.abs(1 - np.abs(unit_3N[2])) * half_3N[2] < np.abs(gap_N) * half_3N[:2].min(0)
    cap_3N = np.zeros_like(side_3N)
    cap_3N[2] = np.sign(unit_3N[2])
    return np.where(on_cap_N, cap_3N, side_3N)
