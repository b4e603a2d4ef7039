"""Nash-MTL: the bargaining solution."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.balance import NashMTL
from mtl_ase.balance.gradient_rule import FLOOR, ridged
from mtl_ase.balance.nash_mtl import bargain


def random_gramian(number: int) -> torch.Tensor:
    """Of 2 to 12 gradients: any scale, some ill-conditioned, some of lower rank."""
    generator = torch.Generator().manual_seed(number)
    count = 2 + number % 11
    size = int(torch.randint(1, 2 * count, (), generator=generator))
    jacobian_TP = torch.randn(count, size, generator=generator, dtype=torch.float64)
    if number % 3 == 0:
        jacobian_TP *= 10.0 ** torch.linspace(-3, 3, count, dtype=torch.float64)[:, None]
    if number % 5 == 0:
        jacobian_TP = jacobian_TP[0] + 1e-5 * jacobian_TP  # nearly the same gradient
    return jacobian_TP @ jacobian_TP.mT


@pytest.mark.parametrize("block", range(10))
def test_the_solution_is_stationary(block):
    for number in range(100 * block, 100 * block + 100):
        gramian_TS = random_gramian(number)
        ridged_TS = ridged(gramian_TS / gramian_TS.norm())
        a_T = bargain(ridged_TS)
        assert (a_T > 0).all()
        assert (a_T * (ridged_TS @ a_T) - 1).abs().max() < 1e-8, number


def test_orthogonal_gradients_count_by_their_length():
    """G a = 1 / a: every a is 1 / |g|, so the scale of a loss cancels."""
    rule = NashMTL({"a": 1.0, "b": 1.0})
    weights_T = rule.weigh(torch.diag(torch.tensor([4.0, 9.0]).double()), torch.ones(2), [0, 1])
    lengths_T = torch.tensor([2.0, 3.0]).double()
    torch.testing.assert_close(weights_T * lengths_T, (weights_T * lengths_T)[[1, 0]])


def test_every_task_gains_where_it_can():
    """The direction has a positive product with each of three conflicting gradients."""
    jacobian_TP = torch.tensor([[1.0, 0.2], [-0.8, 1.0], [0.3, 2.0]]).double()
    rule = NashMTL({"a": 1.0, "b": 1.0, "c": 1.0})
    direction_P, _ = rule.combine(jacobian_TP, torch.ones(3), [0, 1, 2])
    assert (jacobian_TP @ direction_P > 0).all()


def test_a_gramian_of_full_rank_is_left_as_it_is():
    gramian_TS = torch.tensor([[2.0, 0.3], [0.3, 0.5]]).double()
    assert torch.equal(ridged(gramian_TS), gramian_TS)


def test_a_short_gradient_gets_no_ridge():
    """However small its square is beside the others': only the angles count."""
    gramian_TS = torch.diag(torch.tensor([1.0, 1e-12]).double())
    assert torch.equal(ridged(gramian_TS), gramian_TS)
    a_T = NashMTL({"a": 1.0, "b": 1.0}).weigh(gramian_TS, torch.ones(2), [0, 1])
    assert (a_T[1] / a_T[0]).item() == pytest.approx(1e6)


def test_opposite_gradients_get_the_floor():
    gramian_TS = torch.tensor([[1.0, -3.0], [-3.0, 9.0]]).double()
    assert (ridged(gramian_TS) / gramian_TS).diagonal().tolist() == pytest.approx([1 + FLOOR] * 2)


def test_agrees_with_the_equation_of_two_tasks():
    """For two tasks a_1 |g_1| = a_2 |g_2|, and both follow from the cosine."""
    cosine = 0.4
    gramian_TS = torch.tensor([[1, 3 * cosine], [3 * cosine, 9]], dtype=torch.float64)
    a = (1 + cosine) ** -0.5
    expected_T = torch.tensor([a, a / 3], dtype=torch.float64)
    torch.testing.assert_close(bargain(gramian_TS), expected_T, rtol=1e-10, atol=0)
