"""Intervals and p-values on scores whose spread is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mtl_ase.evaluation import bootstrap, compare


def mean(counts):
    """Of tables with two columns, sum and number."""
    return counts[0][..., 0].double() / counts[0][..., 1]


def table(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack([values, np.ones_like(values)], 1))


def test_the_interval_of_a_mean_is_the_textbooks():
    values = np.random.default_rng(0).normal(1000, 100, 400).round().astype(np.int64)
    interval = bootstrap(mean, [table(values)], seed=0)
    error = values.std() / np.sqrt(len(values))
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=0.25 * error)
    assert interval.high == pytest.approx(values.mean() + 1.96 * error, abs=0.25 * error)


def test_the_interval_covers_as_often_as_it_says():
    rng, hits = np.random.default_rng(1), 0
    for seed in range(200):
        values = rng.exponential(1000, 60).round().astype(np.int64)
        interval = bootstrap(mean, [table(values)], seed, repeats=400)
        hits += interval.low <= 1000 <= interval.high
    assert 0.86 <= hits / 200 <= 0.99


def test_p_values_are_uniform_where_nothing_differs():
    rng, p_values = np.random.default_rng(2), []
    for seed in range(200):
        first, second = rng.normal(1000, 100, (2, 40)).round().astype(np.int64)
        p_values.append(compare(mean, [table(first)], [table(second)], seed, 300).p_value)
    assert 0.01 <= np.mean(np.array(p_values) <= 0.05) <= 0.1
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.08)


def test_a_small_difference_on_the_same_images_is_found():
    """Images differ by a hundred, the networks by three on each."""
    values = np.random.default_rng(3).normal(1000, 100, 100).round().astype(np.int64)
    found = compare(mean, [table(values)], [table(values + 3)], 0)
    assert found.difference.value == pytest.approx(3)
    assert found.difference.low == pytest.approx(3)
    assert found.difference.high == pytest.approx(3)
    assert found.p_value == pytest.approx(1 / 2001)
    same = compare(mean, [table(values)], [table(values)], 0)
    assert same.difference.value == 0
    assert same.p_value == 1


def test_the_exchange_test_equals_all_exchanges_of_few_images():
    first, second = np.array([10, 20, 35, 50, 12]), np.array([14, 19, 45, 58, 13])
    gap = second - first
    signs = np.array(list(np.ndindex(*[2] * 5))) * 2 - 1
    exact = (np.abs(signs @ gap) >= abs(gap.sum())).mean()
    found = compare(mean, [table(first)], [table(second)], 0, repeats=20_000)
    assert found.p_value == pytest.approx(exact, abs=0.01)


def test_the_same_seed_gives_the_same():
    values = np.arange(30)
    assert bootstrap(mean, [table(values)], 5) == bootstrap(mean, [table(values)], 5)
    assert bootstrap(mean, [table(values)], 5) != bootstrap(mean, [table(values)], 6)


def test_samples_without_a_score_are_left_out():
    """One image of three has a label; a sample may lack it."""
    counts = torch.tensor([[4, 1], [0, 0], [0, 0]])
    interval = bootstrap(mean, [counts], 0)
    assert (interval.value, interval.low, interval.high) == (4, 4, 4)
