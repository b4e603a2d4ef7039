"""Mean IoU against its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.metrics import MeanIoU


def test_equals_the_definition():
    rng = np.random.default_rng(0)
    metric = MeanIoU(num_classes=5)
    predictions, labels = rng.integers(0, 4, (2, 6, 8, 9))  # class 4 never occurs
    labels[rng.random(labels.shape) < 0.3] = 255
    for prediction, label in zip(predictions, labels, strict=True):
        metric.update(torch.from_numpy(prediction), torch.from_numpy(label.astype(np.uint8)))
    valid = labels != 255
    ious = [
        ((predictions == c) & (labels == c)).sum()
        / (((predictions == c) & valid) | (labels == c)).sum()
        for c in range(4)
    ]
    assert metric.compute().item() == pytest.approx(100 * np.mean(ious), rel=1e-12)
    assert metric.per_class(metric.counts_K)[:4].tolist() == pytest.approx(
        [100 * iou for iou in ious]
    )
    assert metric.per_class(metric.counts_K)[4].isnan()


def test_class_only_predicted_counts_as_zero():
    metric = MeanIoU(num_classes=3)
    metric.update(torch.tensor([[0, 0, 0, 2]]), torch.tensor([[0, 0, 0, 0]]))
    assert metric.per_class(metric.counts_K).tolist() == pytest.approx(
        [75, float("nan"), 0], nan_ok=True
    )
    assert metric.compute().item() == 37.5


def test_label_beyond_the_classes_is_refused():
    with pytest.raises(UserError, match="class 3 of only 3"):
        MeanIoU(num_classes=3).update(torch.tensor([[0]]), torch.tensor([[3]]))
