"""The edge score on edges whose score is known, and against its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mtl_ase.metrics import OdsF
from tests.metrics.oracles import brute_force, slow_thin


def square(size: int = 64, start: int = 16, stop: int = 48) -> np.ndarray:
    """The outline of a square, one pixel wide and without its corners, as thinning leaves it."""
    outline = np.zeros((size, size), bool)
    outline[start:stop, start:stop] = True
    outline[start + 1 : stop - 1, start + 1 : stop - 1] = False
    outline[[start, start, stop - 1, stop - 1], [start, stop - 1, start, stop - 1]] = False
    return outline


def score(*pairs: tuple[np.ndarray, np.ndarray], **options: Any) -> float:
    metric = OdsF(**options)
    for probability, label in pairs:
        metric.update(
            torch.from_numpy(probability.astype(np.float32)),
            torch.from_numpy(label.astype(np.uint8)),
        )
    return metric.compute().item()


def test_perfect_prediction():
    assert score((square(), square())) == 100


def test_weak_prediction_is_perfect_too():
    assert score((0.02 * square(), square())) == 100


def test_shift_within_tolerance_is_perfect():
    """The tolerance is 0.0075 * 64 * sqrt(2) = 0.68 pixels at 64 x 64, 2.7 at 256 x 256."""
    outline = square(256, 60, 200)
    assert score((np.roll(outline, 1, axis=0), outline)) == 100
    assert score((np.roll(outline, (1, 1), axis=(0, 1)), outline)) == 100


def test_shift_beyond_tolerance_keeps_only_what_overlaps():
    outline = square()
    shifted = np.roll(outline, 4, axis=0)
    expected = 100 * (outline & shifted).sum() / outline.sum()
    assert 0 < expected < 60
    assert score((shifted, outline)) == pytest.approx(expected)


def test_counts_are_summed_over_images_before_dividing():
    """Image 1: 120 of 120 edges found. Image 2: none of 24 found, none predicted."""
    small = square(64, 20, 28)
    assert score((square(), square()), (0 * small, small)) == pytest.approx(
        100 * 2 * 120 / (120 + 144)
    )


def test_best_threshold_is_common_to_all_images():
    """Below 0.1 the first image has a false line of 60; above, the second has no prediction."""
    line = np.zeros((64, 64), bool)
    line[8, 2:62] = True
    first, second = 0.9 * square() + 0.2 * line, 0.1 * square()
    below, above = 2 * 240 / (240 + 60 + 240), 2 * 120 / (120 + 240)
    expected = 100 * max(below, above)
    assert score((first, square()), (second, square())) == pytest.approx(expected)


def test_an_image_counts_at_thresholds_that_do_not_change_it():
    """The second image is perfect from 0.41 to 0.5, where the first is what it is everywhere."""
    line = np.zeros((64, 64), bool)
    line[8, 2:62] = True
    second = 0.5 * square() + 0.4 * line
    assert score((square(), square()), (second, square())) == 100


def test_threshold_itself_is_an_edge():
    line = np.zeros((64, 64), bool)
    line[8, 2:62] = True
    probability = np.float32(0.99) * square() + 0.985 * line
    assert score((probability, square())) == 100


def test_thick_labels_are_thinned():
    thick = np.zeros((64, 64), bool)
    thick[20:23, 5:60] = True
    assert score((thick, thick)) == 100


def test_nothing_predicted_is_zero():
    assert score((np.zeros((64, 64)), square())) == 0


def test_predictions_at_ignored_pixels_do_not_count():
    label = square().astype(np.uint8)
    label[:, 50:] = 255
    prediction = square().copy()
    prediction[10:50, 60] = True
    assert score((prediction, label)) == 100


def test_equals_the_definition():
    rng = np.random.default_rng(0)
    thresholds = np.linspace(0.01, 0.99, 7).astype(np.float32)
    sums, pairs = np.zeros((7, 3)), []
    for shape in [(24, 17), (15, 30)]:
        true = slow_thin(rng.random(shape) < 0.15)
        noise = rng.random(shape)
        probability = (0.5 * noise + 0.5 * noise * np.roll(true, 1, axis=1)).astype(np.float32)
        pairs.append((probability, true))
        for n, threshold in enumerate(thresholds):
            predicted = slow_thin(probability >= threshold)
            matched = brute_force(predicted, true, 0.05 * np.hypot(*shape))
            sums[n] += matched, predicted.sum(), true.sum()
    matched, predicted, true = sums[sums[:, 0] > 0].T
    precision, recall = matched / predicted, matched / true
    expected = 100 * (2 * precision * recall / (precision + recall)).max()
    assert score(*pairs, num_thresholds=7, max_dist=0.05) == pytest.approx(expected, rel=1e-12)
