"""The angles' summaries against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mtl_ase.metrics import MeanAngle, MedianAngle, RMSAngle, ShareWithin


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


def random_normals(seed: int, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    prediction, label = rng.normal(size=(2, 3, *size))
    label /= np.linalg.norm(label, axis=0)
    label[:, rng.random(size) < 0.3] = 0
    return torch.from_numpy(prediction), torch.from_numpy(label)


def plain_angles(prediction: np.ndarray, label: np.ndarray) -> np.ndarray:
    valid = np.linalg.norm(label, axis=0) > 0.5
    p, g = prediction[:, valid], label[:, valid]
    p = p / np.linalg.norm(p, axis=0)
    return np.degrees(np.arccos(np.clip((p * g).sum(0), -1, 1)))


def test_summaries_equal_their_definitions():
    images = [random_normals(seed, (15 + seed, 20)) for seed in range(3)]
    angles = np.concatenate([plain_angles(p.numpy(), g.numpy()) for p, g in images])
    expected = {
        MeanAngle(): angles.mean(),
        RMSAngle(): np.sqrt((angles**2).mean()),
        ShareWithin(22.5): 100 * (angles < 22.5).mean(),
        ShareWithin(90): 100 * (angles < 90).mean(),
    }
    for metric, value in expected.items():
        for image in images:
            metric.update(*image)
        assert metric.compute().item() == pytest.approx(value, rel=1e-6)
    median = MedianAngle()
    for image in images:
        median.update(*image)
    assert median.compute().item() == pytest.approx(np.median(angles), abs=0.3)
    below = (angles < median.compute().item() - 0.05).mean()
    above = (angles > median.compute().item() + 0.05).mean()
    assert below <= 0.5
    assert above <= 0.5


@pytest.mark.parametrize("degrees", [0.0, 11.0, 90.0, 180.0])
def test_the_median_of_one_angle_is_that_angle(degrees):
    turn = np.radians(degrees)
    prediction = torch.tensor([np.sin(turn), 0.0, np.cos(turn)]).reshape(3, 1, 1)
    label = torch.tensor([0.0, 0.0, 1.0]).reshape(3, 1, 1)
    metric = MedianAngle()
    metric.update(prediction.expand(3, 4, 5), label.expand(3, 4, 5))
    assert metric.compute().item() == pytest.approx(degrees, abs=0.051)
