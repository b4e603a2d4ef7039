"""The balanced cross-entropy of probabilities against the loss of the logits."""

from __future__ import annotations

import math

import pytest
import torch

from mtl_ase.losses import BalancedBCE
from mtl_ase.metrics import EdgeBCE


@pytest.mark.parametrize("pos_weight", [0.95, 0.5])
def test_equals_the_loss_of_the_logits_pooled_over_pixels(pos_weight):
    torch.manual_seed(0)
    metric, flat_logits, flat_labels = EdgeBCE(pos_weight), [], []
    for size in [(5, 6), (20, 3)]:
        logits, label = 2 * torch.randn(size), (torch.rand(size) < 0.2).to(torch.uint8)
        label[:2] = 255
        metric.update(logits.sigmoid(), label)
        flat_logits.append(logits.flatten())
        flat_labels.append(label.flatten())
    logits, label = torch.cat(flat_logits), torch.cat(flat_labels)
    expected = BalancedBCE(pos_weight)(logits[None, None, None], label[None, None])
    assert metric.compute().item() == pytest.approx(expected.item(), rel=1e-4)


def test_certain_and_wrong_is_costly_but_finite():
    metric = EdgeBCE(pos_weight=0.5)
    metric.update(torch.tensor([[1.0, 0.0]]), torch.tensor([[0, 1]], dtype=torch.uint8))
    assert metric.compute().item() == pytest.approx(0.5 * 24 * math.log(2), abs=1e-5)
