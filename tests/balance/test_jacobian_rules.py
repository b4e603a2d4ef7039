"""Rules that need more than one step's Gramian, against their equations written out slowly."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from mtl_ase.balance import DBMTL, ExcessMTL, GradDrop, GradNorm, MoCo

WEIGHTS = {"a": 1.0, "b": 1.0, "c": 1.0}
SIZE = 40
RULES = [GradDrop, GradNorm, DBMTL, MoCo, ExcessMTL]


def steps(count, present=(0, 1, 2), dtype=torch.float64):
    """Jacobians and losses of several steps."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        jacobian_TP = torch.randn(3, SIZE, generator=generator, dtype=torch.float64)
        losses_T = 0.1 + torch.rand(3, generator=generator, dtype=torch.float64)
        rows = list(present)
        yield jacobian_TP[rows].to(dtype), losses_T[rows].to(dtype), rows


def built(make, **options):
    """A rule for three tasks, with buffers that round as the tests do."""
    rule = make(WEIGHTS, **options)
    rule.allocate(torch.zeros(SIZE, dtype=torch.int64))
    return rule.double()


def test_graddrop_keeps_one_sign_of_every_element():
    rule = built(GradDrop)
    generator = copy.deepcopy(rule.randomness).generator()
    drawn = torch.rand(SIZE, generator=generator).tolist()
    ((jacobian_TP, losses_T, rows),) = steps(1)
    found = rule.combine(jacobian_TP, losses_T, rows).direction_P
    kept_positive = 0
    for p in range(SIZE):
        column = jacobian_TP[:, p].tolist()
        purity = 0.5 * (1 + sum(column) / sum(abs(g) for g in column))
        positive = purity > drawn[p]
        kept_positive += positive
        expected = sum(g for g in column if (g > 0) == positive)
        assert found[p].item() == pytest.approx(expected)
    assert 5 < kept_positive < SIZE - 5


def test_graddrop_leaves_what_all_agree_on_and_leaks():
    ((jacobian_TP, losses_T, rows),) = steps(1)
    agreed = built(GradDrop).combine(jacobian_TP.abs(), losses_T, rows).direction_P
    torch.testing.assert_close(agreed, jacobian_TP.abs().sum(0))
    leaking = built(GradDrop, leak=1.0).combine(jacobian_TP, losses_T, rows).direction_P
    torch.testing.assert_close(leaking, jacobian_TP.sum(0))


def test_gradnorm_descends_its_own_loss():
    """The slope of z is that of autograd, up to the mean norm that it is divided by."""
    rule, alpha, lr = built(GradNorm), 1.5, 0.025
    z_T = torch.zeros(3, dtype=torch.float64)
    first_T = None
    for jacobian_TP, losses_T, rows in steps(4):
        norm_T = torch.stack([row.norm() for row in jacobian_TP])
        first_T = losses_T if first_T is None else first_T
        z_T = z_T.clone().requires_grad_()
        w_T = 3 * z_T.softmax(0)
        rate_T = losses_T / first_T
        target_T = ((w_T * norm_T).mean() * (rate_T / rate_T.mean()) ** alpha).detach()
        loss = (w_T * norm_T - target_T).abs().sum() / norm_T.mean()
        (slope_T,) = torch.autograd.grad(loss, z_T)
        found = rule.combine(jacobian_TP, losses_T, rows)
        torch.testing.assert_close(found.weights_T, w_T.detach())
        torch.testing.assert_close(found.direction_P, w_T.detach() @ jacobian_TP)
        z_T = (z_T - lr * slope_T).detach()
    assert not torch.allclose(w_T, torch.ones(3).double())


def test_db_mtl_sums_running_means_of_one_length():
    rule, mean = built(DBMTL), torch.zeros(3, SIZE, dtype=torch.float64)
    for jacobian_TP, losses_T, rows in steps(3):
        found = rule.combine(jacobian_TP, losses_T, rows).direction_P
        for t in range(3):
            mean[t] = 0.9 * mean[t] + 0.1 * jacobian_TP[t] / losses_T[t]
        longest = max(mean[t].norm() for t in range(3))
        expected = sum(mean[t] / mean[t].norm() * longest for t in range(3))
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


def test_moco_tracks_gradients_and_steps_towards_their_shortest_mixture():
    rule = built(MoCo, rho=0.2)
    y, w = torch.zeros(3, SIZE, dtype=torch.float64), [1 / 3] * 3
    for step, (jacobian_TP, losses_T, rows) in enumerate(steps(3), start=1):
        found = rule.combine(jacobian_TP, losses_T, rows)
        for t in range(3):
            seen = losses_T[t] * jacobian_TP[t] / jacobian_TP[t].norm()
            y[t] += 0.5 / math.sqrt(step) * (seen - y[t])
        slope = [sum(float(y[t] @ y[s]) * w[s] for s in range(3)) + 0.2 * w[t] for t in range(3)]
        moved = [math.exp(w[t] - 0.1 / math.sqrt(step) * slope[t]) for t in range(3)]
        w = [each / sum(moved) for each in moved]
        assert found.weights_T.tolist() == pytest.approx(w, rel=1e-6)
        expected = sum(w[t] * y[t] for t in range(3))
        torch.testing.assert_close(found.direction_P, expected, rtol=1e-6, atol=1e-9)


def test_excess_mtl_weighs_by_estimated_excess_risks():
    rule = built(ExcessMTL)
    squares, w, first = torch.zeros(3, SIZE, dtype=torch.float64), [1.0] * 3, None
    for jacobian_TP, losses_T, rows in steps(3):
        found = rule.combine(jacobian_TP, losses_T, rows)
        squares += jacobian_TP**2
        excess = [float((jacobian_TP[t] ** 2 / squares[t].sqrt()).sum()) for t in range(3)]
        first = excess if first is None else first
        w = [w[t] * math.exp(0.01 * excess[t] / first[t]) for t in range(3)]
        w = [3 * each / sum(w) for each in w]
        assert found.weights_T.tolist() == pytest.approx(w, rel=1e-5)
        expected = sum(w[t] * jacobian_TP[t] for t in range(3))
        torch.testing.assert_close(found.direction_P, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("make", RULES)
def test_a_task_that_is_absent_keeps_its_state(make):
    """Its rows of all buffers stay as they were; the others' do not."""
    rule = built(make)
    for step in steps(2):
        rule.combine(*step)
    before = {name: value.clone() for name, value in rule.named_buffers()}
    for step in steps(1, present=(0, 2)):
        combined = rule.combine(*step)
        assert combined.direction_P.isfinite().all()
        assert len(combined.weights_T) == 2
    for name, value in rule.named_buffers():
        if value.ndim:
            assert torch.equal(value[1], before[name][1]), name
            assert not torch.equal(value[0], before[name][0]) or name == "first_T"


@pytest.mark.parametrize("make", RULES)
def test_a_rule_goes_on_from_its_state(make):
    rule, other = built(make), built(make)
    for step in steps(2):
        rule.combine(*step)
    other.load_state_dict(rule.state_dict())
    for step in steps(2):
        assert torch.equal(rule.combine(*step).direction_P, other.combine(*step).direction_P)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("make", RULES)
def test_other_precisions_and_a_single_task(make, dtype):
    """The direction has the Jacobian's type; alone, a task goes along its gradients."""
    rule = make(WEIGHTS)
    rule.allocate(torch.zeros(SIZE, dtype=torch.int64))
    for jacobian_TP, losses_T, rows in steps(2, present=(1,), dtype=dtype):
        direction_P = rule.combine(jacobian_TP, losses_T, rows).direction_P
        assert direction_P.dtype == dtype
        assert direction_P.isfinite().all()
        assert direction_P @ jacobian_TP[0] > 0
