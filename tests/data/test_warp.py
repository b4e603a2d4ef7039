"""The change of geometry: exact where it can be, never inventing a label."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_ase.base.errors import UserError
from mtl_ase.data import Augmentation, make_warp
from mtl_ase.data.image_files import EncodedImage, open_image
from mtl_ase.data.labels import Edges, HumanParts, Label, Normals, Saliency, Semseg
from mtl_ase.data.warp import Fit, fit_box

SIZES = st.tuples(st.integers(2, 40), st.integers(2, 40))
ANGLES = st.floats(-180, 180)
ZOOMS = st.floats(0.3, 3)
KINDS: list[Label] = [Semseg(), HumanParts(), Saliency(), Edges(), Normals()]


def nearest(pixels: np.ndarray, warp, border: float = 0) -> np.ndarray:
    return warp.pick(pixels, border)


def as_bytes(normals: np.ndarray) -> np.ndarray:
    return np.rint((normals + 1) * 127.5).astype(np.uint8)


def random_map(size_hw: tuple[int, int], values: list[int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice(values, size_hw).astype(np.uint8)


def random_normals(size_hw: tuple[int, int]) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(size=(*size_hw, 3))
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


@given(SIZES)
@settings(deadline=None, max_examples=60)
def test_nothing_changes_nothing_and_two_mirrors_are_none(size_hw: tuple[int, int]) -> None:
    pixels = random_map(size_hw, list(range(256)))
    assert (nearest(pixels, make_warp(size_hw, size_hw)) == pixels).all()
    mirror = make_warp(size_hw, size_hw, mirror=True)
    once = nearest(pixels, mirror)
    assert (once == pixels[:, ::-1]).all()
    assert (nearest(once, mirror) == pixels).all()


@pytest.mark.parametrize("size", [2, 7, 32, 33])
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_quarter_turn_is_counter_clockwise(size: int, quarters: int) -> None:
    pixels = random_map((size, size), list(range(256)))
    warp = make_warp((size, size), (size, size), angle=90 * quarters)
    assert (nearest(pixels, warp, 99) == np.rot90(pixels, quarters)).all()


@pytest.mark.parametrize("size_hw", [(60, 100), (37, 53), (24, 24), (90, 131)])
def test_resizing_is_aligned_as_opencv_does_it(size_hw: tuple[int, int]) -> None:
    coarse = random_map((6, 8), list(range(256)))
    pixels = cv2.resize(coarse, (80, 50), interpolation=cv2.INTER_CUBIC)
    warp = make_warp(pixels.shape, size_hw)
    ours = warp.apply(pixels, cv2.INTER_LINEAR, 0).astype(int)
    theirs = cv2.resize(pixels, size_hw[::-1], interpolation=cv2.INTER_LINEAR).astype(int)
    inner = slice(2, -2)
    assert abs(ours - theirs)[inner, inner].max() <= 1


def test_an_image_that_shrinks_keeps_its_mean_and_is_not_aliased() -> None:
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[:, ::2] = 255
    small = make_warp((96, 96), (32, 32)).apply_to_image(stripes)
    assert abs(small[2:-2, 2:-2].astype(int) - 127).max() < 40
    assert small.shape == (32, 32, 3)
    assert small.dtype == np.uint8


@pytest.mark.parametrize("zoom", [1.0, 0.6, 0.49, 0.24, 0.11])
@pytest.mark.parametrize("size_hw", [(203, 301), (256, 192)])
def test_a_jpeg_is_decoded_no_larger_than_needed(
    tmp_path: Path, zoom: float, size_hw: tuple[int, int]
) -> None:
    """The picture stays where it is, to a tenth of an output pixel."""
    y_H1, x_W = np.arange(size_hw[0])[:, None], np.arange(size_hw[1])
    blob_HW = np.exp(-((y_H1 - 0.4 * size_hw[0]) ** 2 + (x_W - 0.6 * size_hw[1]) ** 2) / 800)
    pixels = np.repeat(np.rint(255 * blob_HW)[..., None], 3, 2).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 100])
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    out_hw = (round(zoom * size_hw[0]), round(zoom * size_hw[1]))
    warp = make_warp(size_hw, out_hw, mirror=True)
    decoded = []

    class Spy(EncodedImage):
        def pixels(self, reduction: int = 1) -> np.ndarray:
            decoded.append(reduction)
            return super().pixels(reduction)

    def spied(name: str) -> np.ndarray:
        image = open_image(tmp_path / name)
        return warp.apply_to_encoded(Spy(image.path, image.content, image.size_hw))

    quick, slow = spied("a.jpg"), spied("a.png")
    assert decoded == [{1.0: 1, 0.6: 1, 0.49: 2, 0.24: 4, 0.11: 8}[zoom], 1]
    assert np.abs(quick.astype(int) - slow).mean() < 2
    assert centre(quick) == pytest.approx(centre(slow), abs=0.1)


def centre(pixels: np.ndarray) -> tuple[float, float]:
    weights = np.maximum(pixels[..., 0].astype(float) - 20, 0)
    y_H1, x_W = np.arange(weights.shape[0])[:, None], np.arange(weights.shape[1])
    total = weights.sum()
    return float((weights * y_H1).sum() / total), float((weights * x_W).sum() / total)


def test_normals_turn_with_the_image() -> None:
    """Of a plane that faces right: turned by 90 degrees it faces up, mirrored left."""
    right = np.zeros((8, 8, 3), np.float32)
    right[..., 0] = 1
    for arguments, expected in [
        ({"angle": 90}, (0, -1, 0)),
        ({"angle": -90}, (0, 1, 0)),
        ({"angle": 180}, (-1, 0, 0)),
        ({"mirror": True}, (-1, 0, 0)),
        ({"mirror": True, "angle": 90}, (0, 1, 0)),
        ({"scale": 1.5}, (1, 0, 0)),
    ]:
        moved = Normals().warp(as_bytes(right), make_warp((8, 8), (8, 8), **arguments))
        assert np.allclose(moved, expected, atol=0.01), arguments


def test_normals_follow_the_surface_they_belong_to() -> None:
    """The outward normals of a disk stay outward, whatever the turn."""
    y, x = np.mgrid[-20:21, -20:21].astype(np.float32)
    radius = np.hypot(x, y)[..., None]
    outward = np.stack([x, y, 0 * x], -1) / np.maximum(radius, 1e-6)
    outward[(radius[..., 0] < 3) | (radius[..., 0] > 18)] = 0
    for mirror, angle in [(False, 33), (True, -71), (True, 0), (False, 120)]:
        warp = make_warp((41, 41), (41, 41), mirror=mirror, angle=angle)
        moved = Normals().warp(as_bytes(outward), warp)
        valid = np.linalg.norm(moved, axis=-1) > 0.5
        assert valid.sum() > 800
        assert (moved * outward).sum(-1)[
            valid & (radius[..., 0] > 4) & (radius[..., 0] < 17)
        ].min() > 0.95


@given(SIZES, SIZES, ANGLES, ZOOMS, st.booleans())
@settings(deadline=None, max_examples=100)
def test_no_label_appears_that_was_not_there(
    source_hw: tuple[int, int], size_hw: tuple[int, int], angle: float, scale: float, mirror: bool
) -> None:
    warp = make_warp(source_hw, size_hw, mirror, angle, scale)
    for kind, values in zip(KINDS[:4], ([0, 3, 17, 255], [0, 2, 6], [0, 1], [0, 1]), strict=True):
        label = random_map(source_hw, values)
        moved = kind.warp(label, warp)
        assert moved.shape == size_hw
        assert moved.dtype == np.uint8
        assert set(np.unique(moved)) <= {*values, 255}
    normals = Normals().warp(as_bytes(random_normals(source_hw)), warp)
    lengths = np.linalg.norm(normals, axis=-1)
    assert (np.isclose(lengths, 1, atol=1e-5) | (lengths == 0)).all()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
def test_what_comes_from_outside_is_ignored(kind: Label) -> None:
    inside = np.ones((40, 40), np.uint8)
    label = as_bytes(random_normals((40, 40))) if isinstance(kind, Normals) else inside
    moved = kind.warp(label, make_warp((40, 40), (40, 40), scale=0.5))
    outside = np.ones((40, 40), bool)
    outside[9:31, 9:31] = False
    nothing = kind.ignored_target((40, 40))
    assert (moved[outside] == nothing[outside]).all()
    assert (moved[12:28, 12:28] != nothing[12:28, 12:28]).any(-1).all()


def test_parts_that_leave_the_image_leave_it_unlabelled() -> None:
    parts = np.zeros((40, 40), np.uint8)
    parts[:3, :3] = 1
    assert (HumanParts().warp(parts, make_warp((40, 40), (40, 40))) == parts).all()
    assert (HumanParts().warp(parts, make_warp((40, 40), (40, 40), scale=2)) == 255).all()


@given(st.integers(0, 10_000), SIZES, SIZES, st.sampled_from(get_args(Fit)))
@settings(deadline=None, max_examples=50)
def test_an_augmentation_draws_within_its_bounds(
    seed: int, source_hw: tuple[int, int], size_hw: tuple[int, int], fit: Fit
) -> None:
    augmentation = Augmentation(flip=0.5, rotation=20, scale=(0.75, 1.25), fit=fit)
    warp = augmentation.draw(np.random.default_rng(seed), source_hw, size_hw)
    box = fit_box(source_hw, size_hw, fit)
    resize = np.sqrt(box.height / source_hw[0] * box.width / source_hw[1])
    assert 0.75 - 1e-9 <= warp.scale / resize <= 1.25 + 1e-9
    assert np.allclose(warp.turn_22 @ warp.turn_22.T, np.eye(2))
    assert abs(np.degrees(np.arctan2(warp.turn_22[0, 1], warp.turn_22[1, 1]))) <= 20 + 1e-9
    centre = warp.matrix_23 @ [(source_hw[1] - 1) / 2, (source_hw[0] - 1) / 2, 1]
    middle = [box.left + (box.width - 1) / 2, box.top + (box.height - 1) / 2]
    assert np.allclose(centre, middle)


def test_an_augmentation_mirrors_as_often_as_told() -> None:
    for flip in (0.0, 0.3, 1.0):
        augmentation, rng = Augmentation(flip, 0, (1, 1)), np.random.default_rng(0)
        warps = [augmentation.draw(rng, (8, 8), (8, 8)) for _ in range(500)]
        mirrored = np.mean([np.linalg.det(warp.turn_22) < 0 for warp in warps])
        assert abs(mirrored - flip) < 0.07


@pytest.mark.parametrize(
    ("flip", "scale", "key"),
    [(2, (1, 1), "flip"), (0.5, (2, 1), "scale"), (0.5, (0, 1), "scale"), (0.5, (1,), "scale")],
)
def test_an_impossible_augmentation_is_refused(flip: float, scale: tuple, key: str) -> None:
    with pytest.raises(UserError, match=rf"data\.augmentation\.{key}"):
        Augmentation(flip, 20, scale)
