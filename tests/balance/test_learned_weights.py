"""Uncertainty weighting and IMTL-L, whose weights are parameters."""

from __future__ import annotations

import math

import pytest
import torch

from mtl_ase.balance import IMTLL, Uncertainty

LOSSES = [2.0, 0.3, 7.1]
S = [0.4, -0.7, 1.1]
WEIGHTS = dict.fromkeys("abc", 1.0)


def with_values(rule):
    (s_T,) = rule.parameters()
    s_T.data = torch.tensor(S)
    return rule


def total_of(rule, losses=LOSSES):
    losses_T = torch.tensor(losses)
    return rule.total(losses_T, losses_T != 0)


def test_uncertainty_is_its_equation():
    expected = sum(math.exp(-s) * loss / 2 + s / 2 for s, loss in zip(S, LOSSES, strict=True))
    assert total_of(with_values(Uncertainty(WEIGHTS))).item() == pytest.approx(expected)


def test_imtl_l_is_its_equation():
    expected = sum(math.exp(s) * loss - s for s, loss in zip(S, LOSSES, strict=True))
    assert total_of(with_values(IMTLL(WEIGHTS))).item() == pytest.approx(expected)


@pytest.mark.parametrize(("rule", "theirs"), [(Uncertainty, "UW"), (IMTLL, "IMTLL")])
def test_both_are_torchjds(rule, theirs):
    scalarizer = getattr(pytest.importorskip("torchjd.scalarization"), theirs)(3)
    with_values(scalarizer)
    torch.testing.assert_close(
        total_of(with_values(rule(WEIGHTS))), scalarizer(torch.tensor(LOSSES))
    )


@pytest.mark.parametrize("make", [Uncertainty, IMTLL])
def test_an_absent_task_gives_its_parameter_no_gradient(make):
    rule = make(WEIGHTS, start=0.5)
    total_of(rule, [2.0, 0.0, 7.1]).backward()
    (s_T,) = rule.parameters()
    assert s_T.grad[1] == 0
    assert s_T.grad[[0, 2]].abs().min() > 0.1


def test_imtl_l_makes_the_losses_alike_and_uncertainty_knows_their_size():
    """For constant losses, exp(s_t) L_t = 1 and exp(s_t) = L_t are where the s come to rest."""
    for make, sign in ((IMTLL, -1), (Uncertainty, 1)):
        rule = make(WEIGHTS, start=0.2)
        (s_T,) = rule.parameters()
        optimizer = torch.optim.SGD([s_T], lr=0.3)
        for _ in range(300):
            optimizer.zero_grad()
            total_of(rule).backward()
            optimizer.step()
        torch.testing.assert_close(sign * s_T.detach(), torch.tensor(LOSSES).log())
