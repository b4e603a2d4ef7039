"""The router regulariser. N layers, T tasks, E experts."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_ase.losses import MutualInformation

loss = MutualInformation(1.0).of


def definition(probability_NTE: torch.Tensor) -> float:
    total = 0.0
    for layer_TE in probability_NTE.double().tolist():
        tasks, experts = len(layer_TE), len(layer_TE[0])
        joint = [[p / tasks for p in row] for row in layer_TE]
        of_expert = [sum(row[e] for row in joint) for e in range(experts)]
        for row in joint:
            for e, p in enumerate(row):
                if p > 0:
                    total += p * math.log(p / (sum(row) * of_expert[e]))
    return -total


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 8), st.integers(0, 1000))
def test_equals_the_definition_and_stays_in_range(layers, tasks, experts, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(layers, tasks, experts, generator=generator)
    probability_NTE = logits.softmax(dim=-1).requires_grad_()
    cost = loss(probability_NTE)
    cost.backward()
    assert cost.item() == pytest.approx(definition(probability_NTE), abs=1e-5)
    assert -layers * math.log(min(tasks, experts)) - 1e-5 <= cost.item() <= 1e-5
    assert probability_NTE.grad.isfinite().all()


def test_equal_rows_share_no_information():
    row_E = torch.tensor([0.5, 0.3, 0.2, 0.0])
    assert loss(row_E.expand(3, 5, 4)).item() == pytest.approx(0, abs=1e-6)


def test_experts_of_their_own_share_log_t_in_every_layer():
    probability_NTE = torch.eye(5, 8).expand(2, 5, 8).clone().requires_grad_()
    cost = loss(probability_NTE)
    cost.backward()
    assert cost.item() == pytest.approx(-2 * math.log(5))
    assert probability_NTE.grad.isfinite().all()


def test_gradient_is_right():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: loss(z.softmax(dim=-1)), logits)


def test_descent_gives_tasks_their_own_experts():
    torch.manual_seed(0)
    logits = (0.1 * torch.randn(1, 3, 3)).requires_grad_()
    optimiser = torch.optim.Adam([logits], lr=0.1)
    for _ in range(200):
        optimiser.zero_grad()
        loss(logits.softmax(dim=-1)).backward()
        optimiser.step()
    assert sorted(logits[0].argmax(dim=-1).tolist()) == [0, 1, 2]


def test_half_precision_is_scored_in_float32():
    assert loss(torch.eye(2, dtype=torch.bfloat16)[None]).dtype == torch.float32
