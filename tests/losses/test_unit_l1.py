"""The normals loss against its definition, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mtl_ase.losses import UnitL1


def test_equals_the_mean_over_valid_elements():
    rng = np.random.default_rng(0)
    prediction, label = rng.normal(size=(2, 2, 3, 5, 4))
    label /= np.linalg.norm(label, axis=1, keepdims=True)
    label[0, :, :2] = 0
    label[1, :, 0] *= 0.4  # too short to be a label
    label[1, :, 1] *= 0.6  # long enough
    costs = []
    for b, row, column in np.ndindex(2, 5, 4):
        p, g = prediction[b, :, row, column], label[b, :, row, column]
        if np.linalg.norm(g) > 0.5:
            costs += list(np.abs(p / np.linalg.norm(p) - g))
    cost = UnitL1()(torch.from_numpy(prediction).float(), torch.from_numpy(label).float())
    assert cost.item() == pytest.approx(np.mean(costs), rel=1e-5)


def test_only_the_direction_counts():
    torch.manual_seed(0)
    label = torch.nn.functional.normalize(torch.randn(1, 3, 4, 4), dim=1)
    assert UnitL1()(100 * label, label).item() == pytest.approx(0, abs=1e-6)
    assert UnitL1()(0.01 * label, label).item() == pytest.approx(0, abs=1e-6)


def test_slope_where_the_prediction_vanishes_is_bounded():
    label = torch.tensor([0.0, 0.6, 0.8]).reshape(1, 3, 1, 1)
    prediction = torch.zeros(1, 3, 1, 1, requires_grad=True)
    UnitL1()(prediction, label).backward()
    assert 0 < prediction.grad.abs().max() <= 1e6
