"""Precision, recall and their summaries, on counts that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mtl_ase.metrics import OdsF
from mtl_ase.metrics.edges import edge_curve
from tests.conftest import PASCAL_MINI

FACTS = PASCAL_MINI.parent / "pascal_context_facts" / "hed_test_new_counts.npz"


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
    assert 0.5 < curve.ap < 0.8
    metric = OdsF(ends=True, strict=True)
    assert metric.thresholds_N == pytest.approx(stored["thresholds"], abs=1e-6)
    counts_IK = np.concatenate(
        [matched_NI.T, predicted_NI.T, true_NI[0][:, None], np.ones((len(true_NI[0]), 1), int)], 1
    )
    total_K = torch.from_numpy(counts_IK).sum(0)
    assert metric.score(total_K).item() == pytest.approx(67.5139, abs=5e-5)
    assert metric.curve(torch.from_numpy(counts_IK)).ods == curve.ods


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
