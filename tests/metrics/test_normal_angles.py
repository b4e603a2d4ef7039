"""The mean angle against its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mtl_ase.metrics import MeanAngle


def test_equals_the_definition_pooled_over_pixels():
    rng = np.random.default_rng(0)
    metric, angles = MeanAngle(), []
    for size in [(4, 5), (9, 2)]:
        prediction, label = rng.normal(size=(2, 3, *size))
        label /= np.linalg.norm(label, axis=0)
        label[:, 0] = 0
        metric.update(torch.from_numpy(prediction), torch.from_numpy(0.8 * label))
        unit = prediction / np.linalg.norm(prediction, axis=0)
        angles.append(np.degrees(np.arccos((unit * label).sum(axis=0)[1:])).ravel())
    assert metric.compute().item() == pytest.approx(np.concatenate(angles).mean(), abs=1e-6)


@pytest.mark.parametrize("degrees", [0.0, 0.001, 1.0, 90.0, 179.999, 180.0])
def test_is_accurate_at_every_angle(degrees):
    angle = np.radians(degrees)
    prediction = torch.tensor([np.sin(angle), 0.0, np.cos(angle)]).reshape(3, 1, 1)
    label = torch.tensor([0.0, 0.0, 1.0]).reshape(3, 1, 1)
    metric = MeanAngle()
    metric.update(prediction, label)
    assert metric.compute().item() == pytest.approx(degrees, abs=2e-6)


def test_vanishing_prediction_counts_as_a_right_angle():
    label = torch.tensor([0.0, 0.0, 1.0]).reshape(3, 1, 1)
    metric = MeanAngle()
    metric.update(torch.zeros(3, 1, 1), label)
    assert metric.compute().item() == pytest.approx(90)
