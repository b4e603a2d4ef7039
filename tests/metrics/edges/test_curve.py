"""Precision, recall and their summaries, on counts that are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from mtl_ase.metrics import OdsF
from mtl_ase.metrics.edges import edge_curve
from tests.conftest import PASCAL_MINI

FACTS = PASCAL_MINI.parent / "pascal_context_facts" / "hed_test_new_counts.npz"


def average_precision_by_the_book(matched_IN, predicted_IN, true_I):
    """The area as SEISM's scripts define it, point by point and without numpy's shortcuts.

    gather_measure.m: where no pixel is predicted precision is 1 and recall 0. general_ap.m: of
    equal recalls the first counts (MATLAB's unique); precision is interpolated linearly at recalls
    0, 0.01, ... 1, those outside the curve are left out, and the sum is divided by 100.
    """
    true = sum(int(count) for count in true_I)
    precision_at: dict[float, float] = {}
    for matched_I, predicted_I in zip(matched_IN.T, predicted_IN.T, strict=True):
        matched, predicted = int(sum(matched_I)), int(sum(predicted_I))
        precision, recall = (matched / predicted, matched / true) if predicted else (1.0, 0.0)
        precision_at.setdefault(recall, precision)
    points, area = sorted(precision_at.items()), 0.0
    for step in range(101):
        at = step / 100
        for (left, low), (right, high) in itertools.pairwise(points):
            if left <= at <= right:
                area += low + (high - low) * (at - left) / (right - left)
                break
    return area / 100


@pytest.mark.skipif(not FACTS.is_file(), reason="the stored counts are not here")
def test_counts_that_matlab_wrote_give_the_published_score():
    """HED on the 2,498 images of test_new: published 0.675."""
    stored = np.load(FACTS)
    matched_NI, true_NI, _, predicted_NI = np.moveaxis(stored["counts"].astype(np.int64), 2, 0)
    curve = edge_curve(matched_NI.T, predicted_NI.T, true_NI[0], stored["thresholds"])
    assert round(curve.ods, 6) == 0.675139
    assert round(curve.ods_threshold, 6) == 0.74
    best = curve.f_N.argmax()
    assert round(float(curve.precision_N[best]), 6) == 0.652640
    assert round(float(curve.recall_N[best]), 6) == 0.699245
    assert curve.ois > curve.ods
    assert curve.ap == pytest.approx(
        average_precision_by_the_book(matched_NI.T, predicted_NI.T, true_NI[0]), abs=1e-12
    )
    assert round(curve.ap, 4) == 0.6884
    metric = OdsF(ends=True, strict=True)
    assert metric.thresholds_N == pytest.approx(stored["thresholds"], abs=1e-6)
    counts_IK = np.concatenate(
        [matched_NI.T, predicted_NI.T, true_NI[0][:, None], np.ones((len(true_NI[0]), 1), int)], 1
    )
    total_K = torch.from_numpy(counts_IK).sum(0)
    assert metric.score(total_K).item() == pytest.approx(67.5139, abs=5e-5)
    assert metric.curve(torch.from_numpy(counts_IK)).ods == curve.ods


@pytest.mark.skipif(not FACTS.is_file(), reason="the stored counts are not here")
def test_a_threshold_that_nothing_reaches_adds_the_first_hundredth():
    """As in the published counts of COB and MCG: the curve then begins at recall 0."""
    stored = np.load(FACTS)
    matched_NI, true_NI, _, predicted_NI = np.moveaxis(stored["counts"].astype(np.int64), 2, 0)
    matched_NI[-1], predicted_NI[-1] = 0, 0
    curve = edge_curve(matched_NI.T, predicted_NI.T, true_NI[0], stored["thresholds"])
    expected = average_precision_by_the_book(matched_NI.T, predicted_NI.T, true_NI[0])
    assert curve.ap == pytest.approx(expected, abs=1e-12)
    assert round(curve.ap, 4) == 0.6984
    assert round(curve.ods, 6) == 0.675139


def test_by_hand():
    """Two images, three thresholds; the first is best at the second one, the other at the first."""
    matched = np.array([[4, 4, 1], [3, 1, 0]])
    predicted = np.array([[10, 5, 1], [4, 1, 0]])
    curve = edge_curve(matched, predicted, np.array([5, 5]), np.array([0.1, 0.5, 0.9]))
    assert curve.precision_N.tolist() == [7 / 14, 5 / 6, 1]
    assert curve.recall_N.tolist() == [0.7, 0.5, 0.1]
    assert curve.ods == pytest.approx(2 * 5 / 16)
    assert curve.ods_threshold == 0.5
    assert curve.ois == pytest.approx(2 * (4 + 3) / (5 + 4 + 10))
    grid = np.arange(10, 71) / 100
    expected = np.interp(grid, [0.1, 0.5, 0.7], [1, 5 / 6, 0.5]).sum() / 100
    assert curve.ap == pytest.approx(expected)


@pytest.mark.parametrize(
    ("matched", "predicted", "expected"),
    [
        pytest.param([8, 4, 0], [16, 5, 0], 0.6275, id="nothing predicted at the last threshold"),
        pytest.param([8, 0, 0, 0], [16, 4, 0, 0], 0.2025, id="first nothing right, then nothing"),
        pytest.param([8, 4, 2], [16, 5, 2], 0.4475, id="something predicted everywhere"),
        pytest.param([0, 0, 0], [9, 3, 0], 0.0, id="nothing right"),
    ],
)
def test_area_under_a_coarse_curve_is_seism_s(matched, predicted, expected):
    """Where nothing is predicted precision is 1, so that a curve begins at recall 0."""
    counts = [np.array([row]) for row in (matched, predicted, [10])]
    curve = edge_curve(counts[0], counts[1], counts[2][0], np.linspace(0.1, 0.9, len(matched)))
    by_the_book = average_precision_by_the_book(counts[0], counts[1], counts[2][0])
    assert curve.ap == pytest.approx(by_the_book, abs=1e-12)
    assert round(curve.ap, 4) == expected
    assert curve.precision_N.tolist() == [
        m / p if p else 1.0 for m, p in zip(matched, predicted, strict=True)
    ]


def test_nothing_is_zero():
    nothing = np.zeros((2, 3), int)
    curve = edge_curve(nothing, nothing, np.array([0, 0]), np.array([0.1, 0.5, 0.9]))
    assert curve.ods == curve.ois == curve.ap == 0
    assert not np.isnan(curve.precision_N).any()


def test_f_of_the_curve_is_the_score():
    rng = np.random.default_rng(0)
    metric = OdsF(num_thresholds=9)
    maps = rng.random((3, 2, 20, 24), np.float32)
    images = [(torch.from_numpy(p), torch.from_numpy(label < 0.2)) for p, label in maps]
    counts_IK = torch.stack(metric.count_all(images))
    for image in images:
        metric.update(*image)
    assert metric.curve(counts_IK).ods * 100 == pytest.approx(metric.compute().item(), rel=1e-12)
