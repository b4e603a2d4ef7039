"""Matching of edge pixels against plain augmenting paths."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mtl_ase.metrics import count_matches
from tests.metrics.oracles import brute_force


def test_equals_brute_force_on_small_maps():
    rng = np.random.default_rng(0)
    for _ in range(200):
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
