"""Thinning against the conditions of Guo and Hall, written out pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from mtl_ase.data.labels.thinning import thin
from tests.metrics.oracles import slow_thin

EIGHT = np.ones((3, 3))


def random_blobs(rng: np.random.Generator, size: int) -> np.ndarray:
    coarse = rng.random((size // 4, size // 4)) < 0.45
    return np.kron(coarse, np.ones((4, 4), bool)) ^ (rng.random((size, size)) < 0.02)


@pytest.mark.parametrize("density", [0.2, 0.5, 0.8, 0.97])
def test_equals_the_conditions_on_noise(density):
    rng = np.random.default_rng(int(100 * density))
    for shape in [(1, 1), (1, 9), (9, 1), (2, 2), (7, 12), (16, 16), (13, 9)]:
        mask = rng.random(shape) < density
        assert (thin(mask) == slow_thin(mask)).all()


def test_equals_the_conditions_on_blobs():
    rng = np.random.default_rng(0)
    for _ in range(8):
        mask = random_blobs(rng, 20)
        assert (thin(mask) == slow_thin(mask)).all()


def test_is_idempotent_and_only_removes():
    rng = np.random.default_rng(1)
    for _ in range(50):
        mask = random_blobs(rng, 40)
        thinned = thin(mask)
        assert (thinned <= mask).all()
        assert (thin(thinned) == thinned).all()


def test_connected_pieces_stay_connected():
    rng = np.random.default_rng(2)
    for _ in range(50):
        mask = random_blobs(rng, 40)
        pieces, count = label(mask, EIGHT)
        thinned = thin(mask)
        assert label(thinned, EIGHT)[1] == count
        assert set(np.unique(pieces[thinned])) == set(range(1, count + 1))


def test_lines_one_pixel_wide_stay():
    row = np.zeros((9, 9), bool)
    row[4, 1:8] = True
    diagonal = np.eye(9, dtype=bool)
    cross = row | row.T
    for line in (row, row.T, diagonal, diagonal[::-1], cross):
        assert (thin(line) == line).all()


@pytest.mark.parametrize("width", [2, 3, 5])
def test_thick_line_becomes_one_pixel_wide(width):
    mask = np.zeros((20, 40), bool)
    mask[8 : 8 + width, 3:37] = True
    for thick, axis in ((mask, 0), (mask.T, 1)):
        thinned = thin(thick)
        across = thinned.sum(axis=axis)
        assert across.max() == 1
        assert across.sum() >= 34 - width
        assert label(thinned, EIGHT)[1] == 1


def test_argument_is_left_alone():
    mask = np.ones((8, 8), bool)
    thin(mask)
    assert mask.all()
