"""What every rule on the Gramian keeps to, as the configs build it."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.balance import GramianRule
from tests.balance.every_rule import GRAMIAN_RULES, build
from tests.balance.gramians import awkward, conflicting, gram

pytest.importorskip("torchjd")

pytestmark = pytest.mark.parametrize("name", GRAMIAN_RULES)


def gramian_rule(name: str, num_tasks: int) -> GramianRule:
    rule = build(name, num_tasks, num_tasks + 2)
    assert isinstance(rule, GramianRule)
    return rule


def test_no_weight_is_infinite(name: str) -> None:
    """Of any gradients: of one task or twelve, equal, opposite, nearly so, of any scale."""
    for number in range(200):
        jacobian_TP = awkward(number)
        count = len(jacobian_TP)
        rule = gramian_rule(name, count)
        for _ in range(2):
            weights_T = rule.weigh(gram(jacobian_TP), torch.ones(count).double(), range(count))
            assert weights_T.shape == (count,)
            assert weights_T.dtype == torch.float64
            assert weights_T.isfinite().all(), number


def test_one_gradient_keeps_its_direction(name: str) -> None:
    rule = gramian_rule(name, 1)
    direction_P, weights_T = rule.combine(torch.tensor([[3.0, 4.0]]), torch.ones(1), [0])
    assert weights_T.item() > 0
    torch.testing.assert_close(direction_P / direction_P.norm(), torch.tensor([0.6, 0.8]))


def test_absent_tasks_are_left_out(name: str) -> None:
    """The rule weighs as one that has only the tasks that are present."""
    whole, smaller = gramian_rule(name, 4), gramian_rule(name, 2)
    for number in range(3):
        gramian_TS, losses_T = gram(conflicting(2, number)), torch.tensor([0.5, 2.0]).double()
        expected_T = smaller.weigh(gramian_TS, losses_T, [0, 1])
        torch.testing.assert_close(whole.weigh(gramian_TS, losses_T, [1, 3]), expected_T)


def test_a_resumed_rule_goes_on_as_it_would_have(name: str) -> None:
    jacobians = [conflicting(4, number) for number in range(6)]
    losses_T = torch.arange(1, 5).double()
    whole, first, second = (gramian_rule(name, 4) for _ in range(3))
    expected = [whole.weigh(gram(j_TP), losses_T, range(4)) for j_TP in jacobians]
    for j_TP in jacobians[:3]:
        first.weigh(gram(j_TP), losses_T, range(4))
    second.load_state_dict(first.state_dict())
    for j_TP, expected_T in zip(jacobians[3:], expected[3:], strict=True):
        assert torch.equal(second.weigh(gram(j_TP), losses_T, range(4)), expected_T)


def test_the_generator_of_the_step_is_left_alone(name: str) -> None:
    """Processes draw different numbers from it, and must have the same weights."""
    first, second = gramian_rule(name, 4), gramian_rule(name, 4)
    gramian_TS, losses_T = gram(conflicting(4)), torch.ones(4).double()
    torch.manual_seed(1)
    state = torch.get_rng_state()
    weights_T = first.weigh(gramian_TS, losses_T, range(4))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(second.weigh(gramian_TS, losses_T, range(4)), weights_T)
