"""Balanced cross-entropy against its definition, pixel by pixel."""

from __future__ import annotations

import math

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.losses import BalancedBCE


def definition(logits: torch.Tensor, label: torch.Tensor, pos_weight: float | None) -> float:
    pairs = [
        (1 / (1 + math.exp(-logit)), y)
        for logit, y in zip(
            logits.double().flatten().tolist(), label.flatten().tolist(), strict=True
        )
        if y != 255
    ]
    w = sum(y == 0 for _, y in pairs) / len(pairs) if pos_weight is None else pos_weight
    costs = [-w * math.log(p) if y else -(1 - w) * math.log(1 - p) for p, y in pairs]
    return sum(costs) / len(costs)


@pytest.mark.parametrize("pos_weight", [0.95, 0.5, 0.0, 1.0, None])
def test_equals_the_definition(pos_weight):
    torch.manual_seed(0)
    logits = 3 * torch.randn(3, 1, 6, 4)
    label = (torch.rand(3, 6, 4) < 0.2).to(torch.uint8)
    label[1, :3] = 255
    expected = definition(logits, label, pos_weight)
    assert BalancedBCE(pos_weight)(logits, label).item() == pytest.approx(expected, rel=1e-5)


def test_batch_weight_makes_both_classes_weigh_the_same():
    """At logit 0 each pixel costs log 2, so the classes contribute neg * pos / n^2 of it each."""
    label = torch.tensor([[[1, 0, 0, 0]]], dtype=torch.uint8)
    cost = BalancedBCE(None)(torch.zeros(1, 1, 1, 4), label)
    assert cost.item() == pytest.approx(2 * (3 * 1 / 16) * math.log(2))


def test_large_logits_cost_what_they_should():
    label = torch.tensor([[[1, 0]]], dtype=torch.uint8)
    logits = torch.tensor([[[[-1000.0, 1000.0]]]], requires_grad=True)
    cost = BalancedBCE(0.75)(logits, label)
    cost.backward()
    assert cost.item() == pytest.approx((0.75 * 1000 + 0.25 * 1000) / 2)
    assert logits.grad.flatten().tolist() == pytest.approx([-0.375, 0.125])


@pytest.mark.parametrize("pos_weight", [-0.1, 1.5, float("nan")])
def test_weight_outside_zero_to_one_is_refused(pos_weight):
    with pytest.raises(UserError, match="pos_weight"):
        BalancedBCE(pos_weight)


def test_two_channels_are_refused():
    with pytest.raises(UserError, match="2 channels"):
        BalancedBCE(0.95)(torch.zeros(1, 2, 3, 3), torch.zeros(1, 3, 3))
