"""Matching of edge pixels against plain augmenting paths."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mtl_ase.data.image_files import read_image
from mtl_ase.data.labels import Edges
from mtl_ase.data.labels.thinning import thin
from mtl_ase.data.layout import PASCAL_MT
from mtl_ase.metrics import Matching, count_matches
from mtl_ase.tools.benchmarks.odsf import assigned, made_prediction
from tests.conftest import PASCAL_MINI
from tests.metrics.oracles import brute_force


def test_equals_brute_force_on_small_maps():
    rng = np.random.default_rng(0)
    for _ in range(500):
        shape = tuple(rng.integers(1, 13, 2))
        predicted = rng.random(shape) < rng.random() * 0.6
        true = rng.random(shape) < rng.random() * 0.6
        reach = rng.choice([0.5, 1.0, 1.5, 2.3, 4.0])
        assert count_matches(predicted, true, reach) == brute_force(predicted, true, reach)


def test_coinciding_pixels_are_not_always_pairs():
    """The only way to match both pixels is to move each by one."""
    predicted = np.array([[True, True, False]])
    true = np.array([[False, True, True]])
    assert count_matches(predicted, true, 1) == 2


@pytest.mark.parametrize("reach", [0.2, 1.0, 50.0])
def test_nothing_matches_nothing(reach):
    empty, full = np.zeros((4, 6), bool), np.ones((4, 6), bool)
    assert count_matches(empty, empty, reach) == 0
    assert count_matches(full, empty, reach) == 0
    assert count_matches(empty, full, reach) == 0
    assert count_matches(full, full, reach) == 24


def test_reach_is_a_circle_with_its_rim():
    predicted, true = np.zeros((2, 6, 6), bool)
    predicted[0, 0] = true[3, 4] = True
    assert count_matches(predicted, true, 5) == 1
    assert count_matches(predicted, true, 4.99) == 0


@pytest.mark.parametrize("density", [0.05, 0.3, 0.6])
def test_dense_maps_take_no_excessive_time(density):
    rng = np.random.default_rng(0)
    predicted, true = rng.random((2, 256, 256)) < density
    start = time.perf_counter()
    matches = count_matches(predicted, true, 2.7)
    assert time.perf_counter() - start < 5
    assert matches <= min(predicted.sum(), true.sum())


def test_many_predictions_of_one_image_count_as_each_alone():
    """One matching goes through growing, shrinking and unrelated predictions."""
    rng = np.random.default_rng(1)
    for _ in range(40):
        shape = tuple(rng.integers(3, 20, 2))
        true = rng.random(shape) < 0.3
        reach = rng.choice([1.0, 2.3, 4.0])
        matching, noise = Matching(true, reach), rng.random(shape)
        for threshold in (0.9, 0.5, 0.6, 0.05, 0.99, 0.7):
            predicted = noise > threshold
            assert matching.count(predicted) == brute_force(predicted, true, reach)
        assert matching.count(~true) == brute_force(~true, true, reach)


def test_long_chains_are_followed_to_their_end():
    """A line shifted along itself: every pixel but the last has to give way to the next."""
    length = 3000
    true, predicted = np.zeros((2, 1, length + 2), bool)
    true[0, 1:-1], predicted[0, 2:] = True, True
    assert count_matches(predicted, true, 1) == length
    matching = Matching(true, 1)
    assert matching.count(true) == length
    assert matching.count(predicted) == length
    assert matching.count(np.roll(predicted, -2)) == length


@pytest.mark.skipif(not PASCAL_MINI.is_dir(), reason="the real images are not here")
def test_equals_a_general_solver_on_real_maps():
    """Scipy's sparse assignment, on 50 pairs of maps."""
    label, pairs = Edges(), 0
    for index, image_id in enumerate(PASCAL_MT.read_split(PASCAL_MINI, "val")[:10]):
        true = label.read_stored(PASCAL_MINI, image_id, truth=True) == 1
        image = read_image(PASCAL_MT.image_path(PASCAL_MINI, image_id))
        probability = made_prediction(image, true, index)
        distance = 0.0075 * float(np.hypot(*true.shape))
        matching = Matching(true, distance)
        for threshold in (0.03, 0.1, 0.2, 0.35, 0.6):
            predicted = thin(probability > threshold)
            assert matching.count(predicted) == assigned(predicted, true, distance)
            pairs += 1
    assert pairs == 50
