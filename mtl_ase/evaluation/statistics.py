"""Bootstrap intervals, and permutation tests of the difference between two networks.

Legend: I images, K counts, R repeats.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

REPEATS = 2000
LEVEL = 95
Score = Callable[[Sequence[Tensor]], Tensor]
"""Function from the counts (..., K) of one or more metrics to a score (...)."""


@dataclass(frozen=True)
class Interval:
    """A value and the bounds of its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """The difference second minus first with its interval, and the p-value of the difference."""

    difference: Interval
    p_value: float


def bootstrap(
    score: Score, tables: Sequence[Tensor], seed: int, repeats: int = REPEATS
) -> Interval:
    """The 95 % bootstrap percentile interval of a score over images.

    Source: Efron and Tibshirani (1993), chapter 13. Images are resampled with replacement, so the
    interval covers the variation over images, not over training seeds.

    Args:
        score: score of summed counts.
        tables: counts_IK of every metric that the score uses, with the same images in all.
        seed: seed of the resampling; equal seeds draw the same images, for paired differences.
        repeats: number of bootstrap samples.
    """
    totals = [table_IK.sum(0) for table_IK in tables]
    samples_R = score([_weighted(_resampled(len(t), seed, repeats), t) for t in tables])
    return Interval(float(score(totals)), *_bounds(samples_R))


def compare(
    score: Score,
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    seed: int,
    repeats: int = REPEATS,
) -> Comparison:
    """Compare two networks on the same images.

    The interval is from a paired bootstrap. The p-value is from a two-sided paired permutation
    test: the share of random swaps of images' counts between the networks, the identity included,
    whose absolute difference is at least the observed one.

    Args:
        score: score of summed counts.
        first: counts_IK of the first network, of every metric that the score uses.
        second: counts_IK of the second network on the same images.
        seed: seed of the resampling and of the permutations.
        repeats: number of bootstrap samples, and of permutations.
    """
    weights_RI = _resampled(len(first[0]), seed, repeats)
    samples = [score([_weighted(weights_RI, t) for t in tables]) for tables in (first, second)]
    sums = [[t.sum(0) for t in tables] for tables in (first, second)]
    actual = float(score(sums[1]) - score(sums[0]))
    swapped_RI = _swaps(len(first[0]), seed, repeats)
    moved = [_weighted(swapped_RI, b - a) for a, b in zip(first, second, strict=True)]
    exchanged_R = score([b - m for b, m in zip(sums[1], moved, strict=True)]) - score(
        [a + m for a, m in zip(sums[0], moved, strict=True)]
    )
    as_large = int((exchanged_R.abs() >= abs(actual) - 1e-12).sum())
    difference = Interval(actual, *_bounds(samples[1] - samples[0]))
    return Comparison(difference, (1 + as_large) / (1 + repeats))


@functools.lru_cache(1)
def _resampled(count: int, seed: int, repeats: int) -> Tensor:
    """Bootstrap weights_RI: how often each image occurs in each sample."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.multinomial(count, np.full(count, 1 / count), repeats)).double()


@functools.lru_cache(1)
def _swaps(count: int, seed: int, repeats: int) -> Tensor:
    """Permutations swapped_RI: 1 where an image's counts are swapped, else 0."""
    return torch.from_numpy(
        np.random.default_rng(seed + 1).integers(0, 2, (repeats, count))
    ).double()


def _weighted(weights_RI: Tensor, table_IK: Tensor) -> Tensor:
    """Sums of counts, exact in float64 below 2^53."""
    return (weights_RI @ table_IK.double()).round().long()


def _bounds(samples_R: Tensor) -> tuple[float, float]:
    """The 2.5 % and 97.5 % percentiles, without undefined (NaN) scores."""
    known: NDArray[np.float64] = samples_R[~samples_R.isnan()].numpy()
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return float(low), float(high)
