"""Windows cover an image, and their blend shows no seam."""

from __future__ import annotations

import itertools
import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.inference import SlidingWindows

SIZES = st.tuples(st.integers(1, 90), st.integers(1, 90))


@settings(deadline=None, max_examples=60)
@given(SIZES, st.integers(2, 30), st.floats(0, 0.9))
def test_windows_cover_every_pixel_and_overlap(
    image_hw: tuple[int, int], side: int, overlap: float
) -> None:
    windows = SlidingWindows(None, overlap)
    boxes = windows.boxes(image_hw, (side, side))
    covered = torch.zeros(image_hw)
    for box in boxes:
        assert 0 <= box.top <= box.top + box.height <= image_hw[0]
        assert 0 <= box.left <= box.left + box.width <= image_hw[1]
        assert (box.height, box.width) == (min(side, image_hw[0]), min(side, image_hw[1]))
        covered[box.top : box.top + box.height, box.left : box.left + box.width] += 1
    assert covered.min() >= 1
    for starts in ({box.top for box in boxes}, {box.left for box in boxes}):
        ordered = sorted(starts)
        steps = [b - a for a, b in itertools.pairwise(ordered)]
        assert max(steps, default=0) <= math.ceil(side * (1 - overlap)) + 1


@settings(deadline=None, max_examples=30)
@given(SIZES, st.integers(4, 30), st.floats(0, 0.8), st.integers(1, 5))
def test_a_network_of_single_pixels_gives_the_same_as_in_one_pass(
    image_hw: tuple[int, int], side: int, overlap: float, batch_size: int
) -> None:
    image = torch.randint(0, 256, (3, *image_hw), dtype=torch.uint8)

    def compute(image_NCHW: Tensor) -> dict[str, Tensor]:
        assert image_NCHW.shape[-2:] == (side, side)
        assert len(image_NCHW) <= batch_size
        floats = image_NCHW.float()
        return {"sum": floats.sum(1, keepdim=True), "scaled": floats / 255}

    windows = SlidingWindows(None, overlap, batch_size)
    found = windows.logits(compute, image, (side, side))
    expected = compute_whole(image)
    for name, logits in found.items():
        torch.testing.assert_close(logits, expected[name], atol=1e-3, rtol=1e-5)


def compute_whole(image: Tensor) -> dict[str, Tensor]:
    """What the network of single pixels gives for the whole image."""
    floats = image.float()
    return {"sum": floats.sum(0, keepdim=True), "scaled": floats / 255}


def test_windows_that_disagree_leave_no_seam() -> None:
    """Each window's logits are a constant of its own: side by side they would jump by up to 1."""
    generator = torch.Generator().manual_seed(0)
    side, image = 32, torch.zeros(3, 150, 170, dtype=torch.uint8)

    def compute(image_NCHW: Tensor) -> dict[str, Tensor]:
        constants = torch.rand(len(image_NCHW), 1, 1, 1, generator=generator)
        return {"constant": constants.expand(-1, 1, side, side)}

    blended = SlidingWindows(None).logits(compute, image, (side, side))["constant"][0]
    assert blended.min() >= 0
    assert blended.max() <= 1
    assert blended.std() > 0.1
    for steps in (blended.diff(dim=0), blended.diff(dim=1)):
        assert steps.abs().max() < math.pi / side


def test_zoom_is_in_windows_and_never_enlarges() -> None:
    assert SlidingWindows(2.0).scaled_size((1500, 2000), (128, 128)) == (192, 256)
    assert SlidingWindows(2.0).scaled_size((100, 150), (128, 128)) == (100, 150)
    assert SlidingWindows(None).scaled_size((1500, 2000), (128, 128)) == (1500, 2000)
    assert SlidingWindows(1.0).scaled_size((1000, 10), (128, 64)) == (128, 1)


def test_windows_must_move_and_hold_the_image() -> None:
    with pytest.raises(UserError, match=r"overlap=1\.0 is no share below 1"):
        SlidingWindows(overlap=1.0)
    with pytest.raises(UserError, match=r"zoom=0\.5 is below 1"):
        SlidingWindows(0.5)
