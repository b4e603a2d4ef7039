"""The two recipes: fits, crops, colours, and the lineage's faults as options."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_ase.data import Augmentation, ColourJitter, RandomCrop, make_warp
from mtl_ase.data.labels import Edges, HumanParts, Normals, Saliency, Semseg
from mtl_ase.data.warp import fit_box

ANY_SIZE = st.tuples(st.integers(1, 700), st.integers(1, 700))
INPUTS = st.tuples(st.integers(1, 96), st.integers(1, 96))


@given(ANY_SIZE, INPUTS, st.sampled_from(["contain", "pad", "squash"]))
@settings(deadline=None, max_examples=150)
def test_the_whole_source_lies_in_its_box(
    source_hw: tuple[int, int], size_hw: tuple[int, int], fit: str
) -> None:
    box = fit_box(source_hw, size_hw, fit)
    assert 0 <= box.top <= box.top + box.height <= size_hw[0]
    assert 0 <= box.left <= box.left + box.width <= size_hw[1]
    assert min(box.height, box.width) >= 1
    if fit == "squash":
        assert (box.height, box.width) == size_hw
    else:
        larger = max(box.height / size_hw[0], box.width / size_hw[1])
        enlarged = source_hw[0] < size_hw[0] and source_hw[1] < size_hw[1]
        assert larger == 1 or (fit == "pad" and enlarged)
        ratio = min(size_hw[0] / source_hw[0], size_hw[1] / source_hw[1])
        ratio = min(1, ratio) if fit == "pad" else ratio
        assert abs(box.height - max(1, ratio * source_hw[0])) <= 0.5 + 1e-9
        assert abs(box.width - max(1, ratio * source_hw[1])) <= 0.5 + 1e-9
    inside = np.zeros(size_hw, bool)
    inside[box.top : box.top + box.height, box.left : box.left + box.width] = True
    moved = make_warp(source_hw, size_hw, fit=fit).pick(np.ones(source_hw, np.uint8), 255)
    assert (moved[inside] == 1).all()
    assert (moved[~inside] == 255).all()


@given(ANY_SIZE)
@settings(deadline=None, max_examples=60)
def test_flipping_twice_is_nothing_at_any_size(size_hw: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size_hw).astype(np.uint8)
    mirror = make_warp(size_hw, size_hw, mirror=True)
    once = mirror.pick(pixels, 0)
    assert (once == pixels[:, ::-1]).all()
    assert (mirror.pick(once, 0) == pixels).all()
    image = np.repeat(pixels[..., None], 3, axis=2)
    assert (mirror.apply_to_image(mirror.apply_to_image(image)) == image).all()


@given(ANY_SIZE, INPUTS, st.integers(0, 2**32), st.booleans())
@settings(deadline=None, max_examples=80)
def test_no_recipe_invents_a_label(
    source_hw: tuple[int, int], size_hw: tuple[int, int], seed: int, atrc: bool
) -> None:
    rng = np.random.default_rng(seed)
    maps = {"semseg": rng.choice([0, 3, 17, 255], source_hw).astype(np.uint8)}
    recipe = (
        Augmentation(0.5, 0, (0.5, 2), "pad", RandomCrop(), ColourJitter())
        if atrc
        else Augmentation(0.5, 20, (0.75, 1.25))
    )
    warp = recipe.draw(rng, source_hw, size_hw, maps)
    moved = Semseg().warp(maps["semseg"], warp)
    assert moved.shape == size_hw
    assert set(np.unique(moved)) <= set(np.unique(maps["semseg"])) | {255}
    lines = Edges().warp((maps["semseg"] == 3).astype(np.uint8), warp)
    assert set(np.unique(lines)) <= {0, 1, 255}
    image = rng.integers(0, 256, (*source_hw, 3)).astype(np.uint8)
    coloured = recipe.recolour(rng, warp.apply_to_image(image))
    assert coloured.shape == (*size_hw, 3)
    assert coloured.dtype == np.uint8


def test_a_crop_stays_on_the_enlarged_image() -> None:
    recipe, rng = Augmentation(0.5, 0, (2, 2), "pad", RandomCrop()), np.random.default_rng(0)
    corners = set()
    for _ in range(200):
        warp = recipe.draw(rng, (40, 60), (40, 60))
        moved = warp.pick(np.ones((40, 60), np.uint8), 255)
        assert (moved == 1).mean() > 0.95, "at most a rim of half a pixel is outside"
        corners.add(tuple(np.sign(np.round(warp.matrix_23[:, 2] + [30, 20]))))
    assert len(corners) >= 4, "windows lie on all sides"


def test_a_crop_avoids_windows_of_one_class() -> None:
    """Three quarters of the image are one class; a window of it alone is nearly never chosen."""
    classes = np.zeros((80, 80), np.uint8)
    classes[60:] = 5
    shares = {}
    for name, crop in (("careful", RandomCrop()), ("any", RandomCrop(tries=1))):
        rng, recipe = np.random.default_rng(0), Augmentation(0, 0, (2, 2), "pad", crop)
        warps = [recipe.draw(rng, (80, 80), (80, 80), {"semseg": classes}) for _ in range(150)]
        moved = [Semseg().warp(classes, warp) for warp in warps]
        shares[name] = np.mean([((m == 0).mean() > 0.78) for m in moved])
    assert shares["careful"] < 0.1 < shares["any"]


def test_normals_of_a_plane_turn_with_the_picture_and_stay_unit_vectors() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        mirror, angle = bool(rng.random() < 0.5), rng.uniform(-180, 180)
        vector = rng.normal(size=3)
        vector /= np.linalg.norm(vector)
        stored = np.tile(np.rint((vector + 1) * 127.5).astype(np.uint8), (9, 9, 1))
        moved = Normals().warp(stored, make_warp((9, 9), (9, 9), mirror, angle))[4, 4]
        x, y = (-vector[0] if mirror else vector[0]), vector[1]
        cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        expected = [cosine * x + sine * y, -sine * x + cosine * y, vector[2]]
        assert np.allclose(moved, expected, atol=0.015)
        assert np.linalg.norm(moved) == pytest.approx(1, abs=1e-5)


def test_the_faults_of_the_lineage_are_options() -> None:
    size, small = (40, 40), {"scale": 0.5, "outside_is_background": True}
    ones = np.ones(size, np.uint8)
    warp = make_warp(size, size, **small)
    for kind in (Semseg(), Saliency(), Edges(), HumanParts()):
        corner = kind.warp(ones, warp)[0, 0]
        assert corner == 0, type(kind).__name__
    plane = np.full((*size, 3), (255, 128, 128), np.uint8)
    assert not Normals().warp(plane, warp)[0, 0].any(), "normals are ignored there all the same"
    plane[:, 20:] = 128
    turn = make_warp(size, size, angle=30)
    exact, mixed = (Normals(True, cubic).warp(plane, turn) for cubic in (False, True))
    support = [np.linalg.norm(n, axis=-1) > 0.5 for n in (exact, mixed)]
    assert support[1].sum() > support[0].sum(), "cubic mixing grows the labelled area"
    assert make_warp((20, 40), (40, 40), fit="squash").step_xy == pytest.approx((1, 0.5))
    assert make_warp((20, 40), (40, 40), fit="contain").step_xy == pytest.approx((1, 1))


def test_colours_change_within_their_bounds() -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    rng = np.random.default_rng(0)
    none = ColourJitter(0, 0, 0, 0)
    assert (none(rng, image) == image).all()
    brighter = [ColourJitter(32, 0, 0, 0)(rng, image).astype(int) - image for _ in range(60)]
    assert 20 < max(abs(change).max() for change in brighter) <= 32
    assert any((change == 0).all() for change in brighter)
    grey = np.full((4, 4, 3), 100, np.uint8)
    for _ in range(40):
        coloured = ColourJitter(0, 0, 0.5, 18)(rng, grey)
        assert (coloured == 100).all(), "grey has neither hue nor saturation"
    contrasts = {int(ColourJitter(0, 0.5, 0, 0)(rng, grey)[0, 0, 0]) for _ in range(100)}
    assert min(contrasts) >= 50
    assert max(contrasts) <= 150
    assert len(contrasts) > 20


def test_hue_turns_the_colour_circle() -> None:
    red = np.full((2, 2, 3), (200, 0, 0), np.uint8)
    hues = set()
    rng = np.random.default_rng(3)
    for _ in range(60):
        moved = ColourJitter(0, 0, 0, 18)(rng, red)
        hues.add(int(cv2.cvtColor(moved, cv2.COLOR_RGB2HSV)[0, 0, 0]))
    assert hues <= {*range(19), *range(161, 180)}
    assert len(hues) > 10
