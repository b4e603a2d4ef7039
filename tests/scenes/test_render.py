"""What must hold for every rendered scene, and over many of them.

Legend: N pixels, K things, H W, 3 x y z.
"""

from __future__ import annotations

import numpy as np
import pytest

from mtl_ase.scenes import Scene, render_scene
from mtl_ase.scenes.ground import Zone
from mtl_ase.scenes.ground_truth import MIN_AREA_SHARE, salient_things
from mtl_ase.scenes.labels import CONTEXT_IDS, PERSON, VOC_NAMES
from mtl_ase.scenes.layout import Plan, draw_plan
from mtl_ase.scenes.pieces import Model, Paint, box
from mtl_ase.scenes.render import render_plan
from mtl_ase.scenes.solids import Thing
from mtl_ase.scenes.views import Camera, perspective

COUNT = 120
SIZE = (96, 112)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(np.random.default_rng([3, k]), SIZE) for k in range(COUNT)]


def test_the_same_generator_renders_the_same_scene() -> None:
    first, second = (render_scene(np.random.default_rng(5), SIZE) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    third = render_scene(np.random.default_rng(6), SIZE)
    assert (third.image_HWC != first.image_HWC).mean() > 0.5


def test_maps_have_the_promised_types_and_values(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert scene.image_HWC.shape == (*SIZE, 3)
        assert scene.image_HWC.dtype == scene.semseg_HW.dtype == scene.parts_HW.dtype == np.uint8
        assert scene.label_map_HW.dtype == np.uint16
        assert scene.normals_3HW.dtype == scene.depth_HW.dtype == np.float32
        assert scene.semseg_HW.max() <= 20
        assert scene.parts_HW.max() <= 6
        assert set(np.unique(scene.saliency_HW)) <= {0, 1}
        assert np.isfinite(scene.depth_HW).all()


def test_normals_are_unit_and_face_the_viewer_and_the_sky_has_none() -> None:
    for k in range(30):
        rng = np.random.default_rng([4, k])
        plan = draw_plan(rng, 1.0)
        scene = render_plan(plan, rng, (64, 64))
        sky_HW = scene.label_map_HW == CONTEXT_IDS["sky"]
        np.testing.assert_array_equal(sky_HW, scene.depth_HW == 0)
        norm_HW = np.linalg.norm(scene.normals_3HW, axis=0)
        np.testing.assert_allclose(norm_HW, ~sky_HW, atol=1e-4)
        view = perspective(plan.camera, 64, 64)
        ray_3N = view.rotation_33 @ view.direction_33 @ view.grid()
        away_N = (ray_3N[:2] * scene.normals_3HW[:2].reshape(2, -1)).sum(0)
        away_N -= ray_3N[2] * scene.normals_3HW[2].ravel()
        assert (away_N[~sky_HW.ravel()] >= 0).mean() < 1e-3


def test_parts_lie_on_people_and_nowhere_else(scenes: list[Scene]) -> None:
    for scene in scenes:
        np.testing.assert_array_equal(scene.parts_HW > 0, scene.semseg_HW == PERSON)
    seen = np.bincount(np.concatenate([s.parts_HW.ravel() for s in scenes]), minlength=7)
    assert (seen[1:] > 300).all()


def test_heads_are_above_torsos_and_torsos_above_lower_legs(scenes: list[Scene]) -> None:
    def middle(part: int) -> float:
        rows = [
            np.mean(np.nonzero(s.parts_HW == part)[0] - np.nonzero(s.parts_HW == 2)[0].mean())
            for s in scenes
            if min((s.parts_HW == p).sum() for p in (2, part)) > 20
        ]
        return float(np.mean(rows))

    assert middle(1) < -5 < 5 < middle(5) < middle(6)


def test_semseg_and_label_map_agree(scenes: list[Scene]) -> None:
    voc_of_context = {CONTEXT_IDS[name]: i for i, name in enumerate(VOC_NAMES) if i}
    lut = np.array([voc_of_context.get(i, 0) for i in range(460)], np.uint8)
    for scene in scenes:
        np.testing.assert_array_equal(lut[scene.label_map_HW], scene.semseg_HW)


def test_all_kinds_occur_often_and_none_is_tiny(scenes: list[Scene]) -> None:
    shares = np.stack([np.bincount(s.semseg_HW.ravel(), minlength=21) for s in scenes])
    shares = shares / shares[0].sum()
    assert ((shares[:, 1:] > 0.005).mean(0) > 0.04).all()
    assert (shares.mean(0)[1:] > 0.002).all()
    assert 0.45 < (shares[:, PERSON] > 0).mean() < 0.75
    assert 0.5 < shares.mean(0)[0] < 0.8


def test_thirty_or_more_context_classes_occur(scenes: list[Scene]) -> None:
    present = np.unique(np.concatenate([np.unique(s.label_map_HW) for s in scenes]))
    assert len(present) >= 30
    assert set(present) <= set(CONTEXT_IDS.values())


def test_salient_things_are_central_and_large() -> None:
    thing_HW = np.zeros((40, 40), np.intp)
    thing_HW[15:25, 15:25] = 1  # large, central
    thing_HW[15:25, 26:33] = 2  # somewhat smaller, still near
    thing_HW[0:10, 0:10] = 3  # large, in a corner
    thing_HW[20, 20] = 4  # central, tiny
    candidates_K = np.array([False, True, True, True, True])
    np.testing.assert_array_equal(
        salient_things(thing_HW, candidates_K), [False, True, True, False, False]
    )


def test_saliency_is_a_set_of_whole_things_and_holds_the_best(scenes: list[Scene]) -> None:
    for scene in scenes:
        salient = set(scene.thing_HW[scene.saliency_HW == 1].tolist())
        others = set(scene.thing_HW[scene.saliency_HW == 0].tolist())
        assert not salient & others
        areas = np.bincount(scene.thing_HW.ravel(), minlength=len(scene.names))
        large = [i for i, n in enumerate(scene.names) if n in VOC_NAMES and areas[i] > 0.1 * 10752]
        assert all(areas[i] >= MIN_AREA_SHARE * 10752 for i in salient)
        assert salient or not large


def test_the_shadow_falls_away_from_the_light() -> None:
    rng = np.random.default_rng(0)
    grey = Paint((0.6, 0.6, 0.6), (0.6, 0.6, 0.6))
    post = Thing("pole", Model([box((0, 0, 0.5), (0.2, 0.2, 0.5), 0)], [grey]), (5, 0, 0))
    light = draw_plan(rng, 1.0).light._replace(
        to_light=(0.0, 0.8, 0.6), direct=0.8, ambient=0.2, haze=0.0, grain=0.0
    )
    camera = Camera(height=2.0, pitch=0.35, roll=0.0, field_of_view=1.0)
    scene = render_plan(Plan([post], [Zone("floor", grey)], camera, light), rng, (96, 96))
    floor_HW = scene.label_map_HW == CONTEXT_IDS["floor"]
    bright_HW = scene.image_HWC.mean(2)
    post_rows_H = np.nonzero((scene.label_map_HW == CONTEXT_IDS["pole"]).any(1))[0]
    row = int(post_rows_H[-1]) - 1
    left_W, right_W = bright_HW[row, 20:40], bright_HW[row, 56:70]
    assert floor_HW[row, 20:40].all()
    assert right_W.mean() < 0.6 * left_W.mean()  # light comes from world y, the viewer's left
