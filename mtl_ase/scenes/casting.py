"""Ray casting: the nearest solid at every pixel of a view, and its distance.

All pairs (solid, pixel inside the solid's projected bounding box) of one shape are intersected
at once; a depth buffer keeps the nearest hit.
Legend: S solids, R rows of pixels inside bounding boxes, N (solid, pixel) pairs, HW all pixels.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from mtl_ase.scenes.intersections import ENTER, FAR, NEAREST
from mtl_ase.scenes.solids import Floats, Ints, Solids
from mtl_ase.scenes.views import View

CORNERS_83 = np.array(list(itertools.product((-1, 1), repeat=3)), dtype=np.float32)


class Hits(NamedTuple):
    """First hit of every pixel: ray parameter t (inf: none) and index of the solid (-1: none)."""

    t_HW: Floats
    solid_HW: Ints


def cast_rays(view: View, solids: Solids) -> Hits:
    """Nearest hits of all rays of a view; a solid that contains the ray's origin is not hit."""
    t_HW = np.full(view.height * view.width, FAR, dtype=np.float32)
    found = []
    box_S4 = _screen_boxes(view, solids)
    for shape, enter in enumerate(ENTER):
        chosen_S = np.flatnonzero((solids.shape_S == shape) & (box_S4[:, 2] > 0))
        if chosen_S.size:
            pairs = _pairs(box_S4[chosen_S], view.width)
            with np.errstate(all="ignore"):
                t_N = enter(*_unit_rays(view, solids, chosen_S, pairs))
            hit_N = np.flatnonzero(t_N < FAR)
            pixel_N, t_N = pairs.pixel_N[hit_N], t_N[hit_N]
            np.minimum.at(t_HW, pixel_N, t_N)
            found.append((pixel_N, t_N, chosen_S[pairs.solid_N[hit_N]]))
    solid_HW = np.full(t_HW.size, -1, dtype=np.intp)
    for pixel_N, t_N, solid_N in found:
        first_N = np.flatnonzero(t_N == t_HW[pixel_N])
        solid_HW[pixel_N[first_N]] = solid_N[first_N]
    return Hits(t_HW, solid_HW)


class _Pairs(NamedTuple):
    row_solid_R: Ints
    row_v_R: Ints
    width_R: Ints
    solid_N: Ints
    u_N: Ints
    pixel_N: Ints


def _screen_boxes(view: View, solids: Solids) -> Ints:
    """Left, top, width, height in pixels of each solid's bounding box; size 0 if out of view."""
    corner_S38 = solids.centre_S3[:, :, None] + solids.frame_S33 @ CORNERS_83.T
    image_S38 = view.projection_34[:, :3] @ corner_S38 + view.projection_34[:, 3:]
    depth_S8 = image_S38[:, 2]
    with np.errstate(all="ignore"):
        pixel_S28 = image_S38[:, :2] / depth_S8[:, None]
    limit_2 = np.array([view.width, view.height])
    low_S2 = np.floor(pixel_S28.min(2)).clip(0, limit_2)
    high_S2 = np.ceil(pixel_S28.max(2) + 1).clip(0, limit_2)
    crosses_S = (depth_S8.min(1) < NEAREST) & (depth_S8.max(1) > NEAREST)
    low_S2[crosses_S], high_S2[crosses_S] = 0, limit_2
    size_S2 = np.where((depth_S8.max(1) > NEAREST)[:, None], high_S2 - low_S2, 0)
    size_S2[size_S2.min(1) <= 0] = 0
    return np.concatenate([low_S2, size_S2], axis=1).astype(np.intp)


def _pairs(box_S4: Ints, image_width: int) -> _Pairs:
    """All (solid, pixel) pairs of the bounding boxes, box by box and row by row."""
    left_S, top_S, width_S, height_S = box_S4.T
    row_solid_R = np.repeat(np.arange(len(box_S4)), height_S)
    row_v_R = _count_up(height_S) + top_S[row_solid_R]
    width_R, left_R = width_S[row_solid_R], left_S[row_solid_R]
    u_N = _count_up(width_R) + np.repeat(left_R, width_R)
    pixel_N = u_N + np.repeat(row_v_R * image_width, width_R)
    return _Pairs(row_solid_R, row_v_R, width_R, np.repeat(row_solid_R, width_R), u_N, pixel_N)


def _count_up(length_K: Ints) -> Ints:
    """0 .. length - 1 for each length, concatenated."""
    end_K = np.cumsum(length_K)
    return np.arange(end_K[-1]) - np.repeat(end_K - length_K, length_K)


def _unit_rays(
    view: View, solids: Solids, chosen_S: Ints, pairs: _Pairs
) -> tuple[Floats, Floats, Floats]:
    """Origins and directions of the pairs' rays in the solids' unit frames, and `form` of each."""
    inverse_S33 = solids.inverse_S33[chosen_S]
    origin_S33 = inverse_S33 @ view.origin_33
    centre_S31 = solids.centre_S3[chosen_S][:, :, None]
    origin_S33[:, :, 2:] -= inverse_S33 @ centre_S31
    direction_S33 = inverse_S33 @ view.direction_33
    u_N = pairs.u_N.astype(np.float32)
    o_3N = _along_rows(origin_S33, pairs, u_N)
    d_3N = _along_rows(direction_S33, pairs, u_N)
    return o_3N, d_3N, solids.form_S[chosen_S][pairs.solid_N]


def _along_rows(linear_S33: Floats, pairs: _Pairs, u_N: Floats) -> Floats:
    """linear_33 @ (u, v, 1) of every pair; the v and constant terms are computed once per row."""
    linear_R33 = linear_S33[pairs.row_solid_R]
    start_R3 = linear_R33[:, :, 1] * pairs.row_v_R[:, None].astype(np.float32)
    start_R3 += linear_R33[:, :, 2]
    value_3N = np.empty((3, u_N.size), np.float32)
    for axis in range(3):
        value_3N[axis] = np.repeat(start_R3[:, axis], pairs.width_R)
        if linear_S33[:, axis, 0].any():
            value_3N[axis] += np.repeat(linear_R33[:, axis, 0], pairs.width_R) * u_N
    return value_3N
