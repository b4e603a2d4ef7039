"""Rays against solids with hits computed by hand; projections that invert the rays.

Legend: N pixels, H W, 3 x y z.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from mtl_ase.scenes.casting import cast_rays
from mtl_ase.scenes.ground import Zone
from mtl_ase.scenes.ground_truth import camera_normals
from mtl_ase.scenes.pieces import (
    AHEAD,
    SIDE,
    Model,
    Paint,
    Piece,
    ball,
    box,
    frustum,
    rod,
    wheel,
)
from mtl_ase.scenes.solids import Thing, solids_of
from mtl_ase.scenes.surfaces import Surfaces, visible_surfaces
from mtl_ase.scenes.views import Camera, View, orthographic, perspective

GREY = Paint((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
LEVEL = Camera(height=1.0, pitch=0.0, roll=0.0, field_of_view=math.radians(60))
TILTED = Camera(height=1.5, pitch=0.3, roll=0.1, field_of_view=math.radians(50))


def view_of(camera: Camera, *pieces: Piece, size: int = 65) -> tuple[View, Surfaces]:
    view = perspective(camera, size, size)
    solids, _ = solids_of([Thing("box", Model(list(pieces), [GREY]), (0.0, 0.0, 0.0))])
    return view, visible_surfaces(
        view, cast_rays(view, solids), solids, [Zone("grass", GREY)], 1, 1
    )


@pytest.mark.parametrize(
    ("piece", "depth"),
    [
        (ball((5, 0, 1), (0.5, 1, 1), 0), 4.5),
        (box((5, 0, 1), (0.5, 1, 1), 0), 4.5),
        (frustum((5, 0, 1), (0.5, 0.5, 1), 0), 4.5),
        (frustum((5, 0, 1), (0.5, 0.5, 1), 0, taper=0.0), 4.75),
        (frustum((5, 0, 1), (1, 1, 0.5), 0, axis=AHEAD), 4.5),
        (rod((4, 0, 1), (6, 0, 1), 0.3, 0), 4.0),
        (wheel(5, 0, 1, 0.2, 0), 4.0),
    ],
)
def test_the_central_ray_meets_each_solid_where_it_begins(piece: Piece, depth: float) -> None:
    _, surfaces = view_of(LEVEL, piece)
    assert surfaces.depth_N.reshape(65, 65)[32, 32] == pytest.approx(depth, abs=1e-4)


def test_one_looks_through_the_hole_of_a_ring() -> None:
    tyre = wheel(0, 0, 1, 0.2, 0, hole=0.6)._replace(centre=(5.0, 0.0, 1.0), axis=AHEAD)
    _, surfaces = view_of(LEVEL, tyre, box((9, 0, 1), (0.5, 5, 5), 0))
    depth_HW = surfaces.depth_N.reshape(65, 65)
    assert depth_HW[32, 32] == pytest.approx(8.5, abs=1e-4)
    assert depth_HW[surfaces.solid_N.reshape(65, 65) >= 0].min() == pytest.approx(4.9, abs=1e-4)


def test_the_nearer_of_two_solids_wins() -> None:
    pieces = ball((6, 0, 1), (1, 1, 1), 0), ball((4, 0, 1), (0.2, 0.2, 0.2), 0)
    depth_N = view_of(LEVEL, *pieces)[1].depth_N
    assert depth_N.reshape(65, 65)[32, 32] == pytest.approx(3.8, abs=1e-4)


@pytest.mark.parametrize("camera", [LEVEL, TILTED])
def test_projection_undoes_the_rays(camera: Camera) -> None:
    view = perspective(camera, 20, 30)
    grid_3N = view.grid()
    point_3N = view.origin_33 @ grid_3N + 7 * (view.direction_33 @ grid_3N)
    image_3N = view.projection_34[:, :3] @ point_3N + view.projection_34[:, 3:]
    np.testing.assert_allclose(image_3N[2], 7, rtol=1e-5)
    np.testing.assert_allclose(image_3N[:2] / image_3N[2], grid_3N[:2], atol=1e-3)


def test_the_suns_projection_undoes_its_rays() -> None:
    light_3 = np.array([0.48, 0.6, 0.64], np.float32)
    view = orthographic(light_3, np.array([3.0, 1.0, 0.5], np.float32), 4.0, 40)
    grid_3N = view.grid()
    point_3N = view.origin_33 @ grid_3N + 100 * (view.direction_33 @ grid_3N)
    image_3N = view.projection_34[:, :3] @ point_3N + view.projection_34[:, 3:]
    np.testing.assert_allclose(image_3N, grid_3N, atol=1e-3)


def test_a_wall_facing_the_camera_has_the_normal_towards_the_viewer() -> None:
    view, surfaces = view_of(LEVEL, box((5, 0, 1), (0.5, 9, 9), 0))
    normals_3N = camera_normals(view.rotation_33, surfaces.normal_3N)
    wall_N = surfaces.solid_N == 0
    assert wall_N.mean() > 0.5
    np.testing.assert_allclose(normals_3N[:, wall_N].T, [[0, 0, 1]] * wall_N.sum(), atol=1e-5)


def test_a_ball_shows_normals_that_point_right_on_its_right_and_down_below() -> None:
    view, surfaces = view_of(LEVEL, ball((4, 0, 1), (1, 1, 1), 0))
    normals_3HW = camera_normals(view.rotation_33, surfaces.normal_3N).reshape(3, 65, 65)
    ball_HW = surfaces.solid_N.reshape(65, 65) == 0
    right_W, down_H = normals_3HW[0, 32][ball_HW[32]], normals_3HW[1, :, 32][ball_HW[:, 32]]
    assert (np.diff(right_W) > 0).all()
    assert (np.diff(down_H) > 0).all()


@pytest.mark.parametrize(
    "piece",
    [
        ball((5, 0.3, 1), (1.2, 0.5, 0.8), 0, (0.3, 0.2, 1)),
        box((5, 0.3, 1), (0.8, 0.5, 0.8), 0, (0.3, 0.5, 1)),
        frustum((5, 0, 1), (0.9, 0.5, 1), 0, 0.4, (0.1, -0.6, 1)),
        frustum((5, 0, 1), (0.9, 0.9, 0.9), 0, 1.6, SIDE),
        wheel(5, 0.5, 1, 0.6, 0, hole=0.6)._replace(axis=(1.0, 0.5, 0.2)),
    ],
)
def test_normals_agree_with_the_slopes_of_the_depth(piece: Piece) -> None:
    size = 257
    _, surfaces = view_of(TILTED, piece, size=size)
    point_3HW = surfaces.point_3N.reshape(3, size, size)
    normal_3HW = surfaces.normal_3N.reshape(3, size, size)[:, 1:-1, 1:-1]
    across_3HW = point_3HW[:, 1:-1, 2:] - point_3HW[:, 1:-1, :-2]
    along_3HW = point_3HW[:, 2:, 1:-1] - point_3HW[:, :-2, 1:-1]
    slope_3HW = np.cross(along_3HW, across_3HW, axis=0)
    solid_HW = (surfaces.solid_N == 0).reshape(size, size)[1:-1, 1:-1]
    slope_3N, normal_3N = slope_3HW[:, solid_HW], normal_3HW[:, solid_HW]
    cosine_N = (slope_3N * normal_3N).sum(0) / np.linalg.norm(slope_3N, axis=0)
    assert solid_HW.mean() > 0.05
    assert (cosine_N > 0.99).mean() > 0.9  # the rest are edges and silhouettes


def test_the_ground_is_flat_and_ends_before_16_bit_millimetres_do() -> None:
    view, surfaces = view_of(LEVEL, ball((5, 0, 0.1), (0.1, 0.1, 0.1), 0))
    ground_N = (surfaces.solid_N < 0) & (surfaces.depth_N > 0)
    np.testing.assert_allclose(surfaces.point_3N[2, ground_N], 0, atol=1e-4)
    assert surfaces.depth_N.max() < 65.5
    sky_N = surfaces.depth_N == 0
    assert sky_N.sum() > 65 * 30
    assert not surfaces.normal_3N[:, sky_N].any()
    assert view.grid()[1, sky_N].max() <= 33
