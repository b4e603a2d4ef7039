"""Suppression of all but crests, against the same written out pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mtl_ase.metrics.edges import suppress
from mtl_ase.metrics.edges.suppression import _across

SIZES = [(1, 1), (1, 9), (9, 1), (2, 3), (12, 17), (30, 21)]


def mirrored(index: int, size: int) -> int:
    index %= 2 * size
    return index if index < size else 2 * size - 1 - index


def slow_blur(values: np.ndarray) -> np.ndarray:
    weights = {d: (5 - abs(d)) / 25 for d in range(-4, 5)}
    height, width = values.shape
    blurred = np.zeros(values.shape)
    for y in range(height):
        for x in range(width):
            blurred[y, x] = sum(
                a * b * values[mirrored(y + dy, height), mirrored(x + dx, width)]
                for dy, a in weights.items()
                for dx, b in weights.items()
            )
    return blurred


def slow_slope(values: np.ndarray, axis: int) -> np.ndarray:
    size = values.shape[axis]
    lines = np.moveaxis(values, axis, 0)
    slope = np.zeros(lines.shape)
    for i in range(size):
        low, high = max(i - 1, 0), min(i + 1, size - 1)
        if high > low:
            slope[i] = (lines[high] - lines[low]) / (high - low)
    return np.moveaxis(slope, 0, axis)


def slow_angle(values: np.ndarray) -> np.ndarray:
    blurred = slow_blur(values)
    dx, dy = slow_slope(blurred, 1), slow_slope(blurred, 0)
    dxx, dxy, dyy = slow_slope(dx, 1), slow_slope(dy, 1), slow_slope(dy, 0)
    return np.mod(np.arctan(dyy * np.sign(-dxy) / (dxx + 1e-5)), np.pi)


def slow_suppress(values: np.ndarray, cosine: np.ndarray, sine: np.ndarray) -> np.ndarray:
    height, width = values.shape

    def between(y: float, x: float) -> float:
        y = max(0.0, min(y, height - 1.001))
        x = max(0.0, min(x, width - 1.001))
        corners = [
            (math.floor(y) + down, math.floor(x) + right) for down, right in np.ndindex(2, 2)
        ]
        return sum(
            (1 - abs(y - row))
            * (1 - abs(x - column))
            * values[min(row, height - 1), min(column, width - 1)]
            for row, column in corners
        )

    kept = values.astype(float).copy()
    for y, x in np.ndindex(height, width):
        for side in (-1, 1):
            beside = between(y + side * sine[y, x], x + side * cosine[y, x])
            if values[y, x] * 1.01 < beside:
                kept[y, x] = 0
    rows, columns = min(5, height // 2), min(5, width // 2)
    for distance in range(rows):
        kept[distance] *= distance / rows
        kept[height - 1 - distance] *= distance / rows
    for distance in range(columns):
        kept[:, distance] *= distance / columns
        kept[:, width - 1 - distance] *= distance / columns
    return kept


@pytest.mark.parametrize("size_hw", SIZES)
def test_equals_its_description(size_hw):
    values = np.random.default_rng(0).random(size_hw).astype(np.float32)
    cosine, sine = _across(values)
    angle = slow_angle(values)
    turned = np.abs(np.arctan2(sine, cosine) - angle)
    near_a_jump = (np.minimum(turned, np.pi - turned) > 1e-2).mean()
    assert near_a_jump <= 0.02
    expected = slow_suppress(values, cosine, sine)
    assert (np.abs(suppress(values) - expected) > 1e-4).mean() <= 0.005


def test_a_ridge_keeps_its_crest():
    x_W, y_H1 = np.arange(50), np.arange(40)[:, None]
    for slope in (0.0, 0.4, -0.4):
        crest_H1 = 25 + slope * (y_H1 - 20)
        ridge = np.exp(-((x_W - crest_H1) ** 2) / 8).astype(np.float32)
        kept = suppress(ridge)[10:-10]
        away = np.abs(x_W - crest_H1)[10:-10]
        assert (kept[(away > 1.2) & (away < 6)] == 0).all()
        assert ((kept > 0.8).sum(axis=1) >= 1).all()
