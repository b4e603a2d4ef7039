"""Cross-entropy against its definition, pixel by pixel."""

from __future__ import annotations

import math

import pytest
import torch

from mtl_ase.losses import CrossEntropy


@pytest.mark.parametrize("ignore_index", [255, 0])
def test_equals_the_mean_over_labelled_pixels(ignore_index):
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 3, 5)
    label = torch.randint(0, 4, (2, 3, 5), dtype=torch.uint8)
    label[0, :2] = ignore_index
    costs = []
    for b, row, column in torch.cartesian_prod(torch.arange(2), torch.arange(3), torch.arange(5)):
        right = int(label[b, row, column])
        if right != ignore_index:
            scores = [math.exp(score) for score in logits[b, :, row, column].tolist()]
            costs.append(-math.log(scores[right] / sum(scores)))
    expected = sum(costs) / len(costs)
    assert CrossEntropy(ignore_index)(logits, label).item() == pytest.approx(expected, rel=1e-5)


def test_no_knowledge_costs_log_of_the_number_of_classes():
    label = torch.zeros(1, 2, 2, dtype=torch.uint8)
    assert CrossEntropy()(torch.zeros(1, 7, 2, 2), label).item() == pytest.approx(math.log(7))
