"""The two saliency scores against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mtl_ase.metrics import MaxF, MaxMeanF, SaliencyIoU


def make_images(seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Labels with ignored pixels; the third image has nothing salient."""
    generator = torch.Generator().manual_seed(seed)
    images = []
    for index in range(4):
        label = (torch.rand(7, 5 + index, generator=generator) < 0.4).to(torch.uint8)
        probability = 0.6 * torch.rand(label.shape, generator=generator) + 0.3 * label
        if index == 2:
            label[:], probability = 0, 0.6 * probability
        label[0, :3] = 255
        images.append((probability, label))
    return images


def test_saliency_iou_equals_the_definition():
    metric, table = SaliencyIoU(), []
    for probability, label in make_images(0):
        metric.update(probability, label)
        valid = label.numpy() != 255
        true, row = label.numpy()[valid] == 1, []
        for threshold in np.linspace(0.2, 0.9, 15).astype(np.float32):
            predicted = probability.numpy()[valid] > threshold
            union = (true | predicted).sum()
            row.append((true & predicted).sum() / union if union else 1.0)
        table.append(row)
    assert metric.compute().item() == pytest.approx(100 * np.mean(table, axis=0).max(), abs=1e-6)


def test_nothing_salient_and_nothing_predicted_is_perfect():
    metric = SaliencyIoU()
    metric.update(torch.zeros(3, 3), torch.zeros(3, 3, dtype=torch.uint8))
    assert metric.compute().item() == 100


def test_threshold_itself_is_not_salient():
    label = torch.tensor([[1, 1]], dtype=torch.uint8)
    metric = SaliencyIoU(num_thresholds=1)
    metric.update(torch.tensor([[0.2, 0.3]]), label)
    assert metric.compute().item() == 50


@pytest.mark.parametrize("beta2", [0.3, 1.0])
def test_max_f_equals_the_definition(beta2):
    metric, images = MaxF(beta2), make_images(1)
    for probability, label in images:
        metric.update(probability, label)
    valid = np.concatenate([label.flatten() for _, label in images]) != 255
    probability = np.concatenate([probability.flatten() for probability, _ in images])[valid]
    true = np.concatenate([label.flatten() for _, label in images])[valid] == 1
    scores = []
    for threshold in np.arange(1, 20) / 20:
        predicted = probability >= np.float32(threshold)
        hits = (predicted & true).sum()
        if hits:
            precision, recall = hits / predicted.sum(), hits / true.sum()
            scores.append((1 + beta2) * precision * recall / (beta2 * precision + recall))
    assert metric.compute().item() == pytest.approx(100 * max(scores), rel=1e-12)


def test_max_f_takes_the_threshold_itself_as_predicted():
    metric = MaxF()
    metric.update(torch.tensor([[0.95, 0.94]]), torch.tensor([[1, 0]], dtype=torch.uint8))
    assert metric.compute().item() == pytest.approx(100)


def test_max_f_without_anything_salient_is_zero():
    metric = MaxF()
    metric.update(torch.zeros(2, 2), torch.zeros(2, 2, dtype=torch.uint8))
    assert metric.compute().item() == 0


def test_max_mean_f_equals_the_definition():
    """ASTMT's: precision and recall of each image, their means over images, F, best threshold."""
    metric, images = MaxMeanF(), make_images(2)
    table = []
    for probability, label in images:
        metric.update(probability, label)
        valid = label.numpy() != 255
        true, rows = label.numpy()[valid] == 1, []
        for threshold in np.linspace(0.2, 0.9, 15).astype(np.float32):
            predicted = probability.numpy()[valid] > threshold
            hits = (true & predicted).sum()
            rows.append((hits / (predicted.sum() + 1e-12), hits / (true.sum() + 1e-12)))
        table.append(rows)
    precision, recall = np.mean(table, axis=0).T
    f = 2 * precision * recall / (precision + recall + 1e-12)
    assert metric.compute().item() == pytest.approx(100 * f.max(), abs=1e-6)
    pooled = MaxF(1.0)
    for image in images:
        pooled.update(*image)
    assert metric.compute().item() != pytest.approx(pooled.compute().item(), abs=0.1)


def test_max_mean_f_by_hand():
    """One image all right, one with nothing salient and nothing predicted: P = R = 1/2."""
    metric = MaxMeanF()
    metric.update(torch.tensor([[0.95, 0.1]]), torch.tensor([[1, 0]], dtype=torch.uint8))
    metric.update(torch.zeros(1, 2), torch.zeros(1, 2, dtype=torch.uint8))
    assert metric.compute().item() == pytest.approx(50, abs=1e-6)
    strict = MaxMeanF(num_thresholds=1)
    strict.update(torch.tensor([[0.2, 0.3]]), torch.tensor([[1, 1]], dtype=torch.uint8))
    assert strict.compute().item() == pytest.approx(100 * 2 / 3, abs=1e-6)


def test_max_mean_f_of_nothing_right_is_zero():
    metric = MaxMeanF()
    metric.update(torch.ones(2, 2), torch.zeros(2, 2, dtype=torch.uint8))
    assert metric.compute().item() == 0
