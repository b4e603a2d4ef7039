"""How sure a score is: resampled images, and images exchanged between two networks.

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
"""From the counts (..., K) of some metrics to a score (...)."""


@dataclass(frozen=True)
class Interval:
    """A value, and the bounds that hold the middle 95 % of its resampled values."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Second minus first, its interval, and how probable so large a difference is by chance."""

    difference: Interval
    p_value: float


def bootstrap(
    score: Score, tables: Sequence[Tensor], seed: int, repeats: int = REPEATS
) -> Interval:
    """The 95 % percentile interval of a score over samples of as many images, with replacement.

    Source: Efron and Tibshirani (1993), chapter 13. Images are the units: it says how far the score
    would move on other images, not with another training seed.

    Args:
        score: of summed counts.
        tables: counts_IK of every metric that the score is made of; the same images in all.
        seed: of the samples; the same for all scores of a table, so they can be subtracted.
        repeats: number of samples.
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

    The interval is a paired bootstrap's. The p-value is a paired permutation test's, two-sided: the
    share of random exchanges of images between the two networks, the actual one counted in, that
    make them differ by no less.

    Args:
        score: of summed counts.
        first: counts_IK of the one network.
        second: counts_IK of the other, of the same images.
        seed: of samples and exchanges.
        repeats: number of each.
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
    """How often every image is in every sample."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.multinomial(count, np.full(count, 1 / count), repeats)).double()


@functools.lru_cache(1)
def _swaps(count: int, seed: int, repeats: int) -> Tensor:
    """Which images change sides in every exchange."""
    return torch.from_numpy(
        np.random.default_rng(seed + 1).integers(0, 2, (repeats, count))
    ).double()


def _weighted(weights_RI: Tensor, table_IK: Tensor) -> Tensor:
    """Sums of counts, exact in float64 below 2^53."""
    return (weights_RI @ table_IK.double()).round().long()


def _bounds(samples_R: Tensor) -> tuple[float, float]:
    """The middle 95 %; samples that have no score are left out."""
    known: NDArray[np.float64] = samples_R[~samples_R.isnan()].numpy()
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return float(low), float(high)
