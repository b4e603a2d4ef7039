"""FairGrad: the fair weights."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.balance import FairGrad
from mtl_ase.balance.fairgrad import fair_weights
from mtl_ase.balance.gradient_rule import ridged
from mtl_ase.balance.nash_mtl import bargain
from mtl_ase.balance.quadratic_programme import shortest_in_hull
from tests.balance.gramians import awkward, conflicting, gram, names, unit

ALPHAS = [0.1, 0.5, 1.0, 2.0, 5.0, 20.0]


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_weights_solve_the_equation(alpha: float) -> None:
    """Of any Gramian, as the ridge leaves it: G w = w^(-1/alpha), to the precision of G w."""
    for number in range(600):
        gramian_TS = gram(awkward(number))
        gramian_TS = ridged(gramian_TS / gramian_TS.norm())
        w_T = fair_weights(gramian_TS, alpha)
        assert (w_T > 0).all()
        error_T = (gramian_TS @ w_T - w_T ** (-1 / alpha)).abs() / (gramian_TS.abs() @ w_T)
        assert error_T.max() < 1e-9, number


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_rule_solves_it_in_the_gradients_own_scale(alpha: float, scale: float) -> None:
    gramian_TS = scale * gram(conflicting(4))
    w_T = FairGrad(names(4), alpha=alpha).weigh(gramian_TS, torch.ones(4), range(4))
    torch.testing.assert_close(gramian_TS @ w_T, w_T ** (-1 / alpha), rtol=1e-9, atol=0)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_orthogonal_gradients_have_a_closed_form(alpha: float) -> None:
    """|g|^2 w = w^(-1/alpha), so w = |g|^(-2 alpha / (1 + alpha)); also for one gradient."""
    squares_T = torch.tensor([4.0, 9.0, 0.25]).double()
    for count in (1, 3):
        square_T = squares_T[:count]
        w_T = FairGrad(names(count), alpha=alpha).weigh(square_T.diag(), torch.ones(count), [0])
        torch.testing.assert_close(w_T, square_T ** (-alpha / (1 + alpha)))


def test_with_alpha_1_the_tasks_bargain() -> None:
    for number in range(100):
        gramian_TS = gram(awkward(number))
        gramian_TS = ridged(gramian_TS / gramian_TS.norm())
        expected_T = bargain(gramian_TS)
        torch.testing.assert_close(fair_weights(gramian_TS, 1), expected_T, rtol=1e-4, atol=0)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_agrees_with_torchjd(alpha: float) -> None:
    """TorchJD solves the same equation by scipy's least squares."""
    aggregation = pytest.importorskip("torchjd.aggregation")
    reference = aggregation.FairGradWeighting(alpha=alpha, max_iters=10_000)
    for number in range(4):
        gramian_TS = gram(conflicting(4, number))
        mine_T = FairGrad(names(4), alpha=alpha).weigh(gramian_TS, torch.ones(4), range(4))
        torch.testing.assert_close(mine_T, reference(gramian_TS), rtol=1e-3, atol=0)


def test_alpha_leads_from_the_sum_to_the_best_for_the_least_gain() -> None:
    """The best is MGDA's direction: of those of length 1 its least <g_t, d> is the largest."""
    jacobian_TP = conflicting(4)
    best_P = unit(shortest_in_hull(gram(jacobian_TP)) @ jacobian_TP)
    agreements, least_gains = [], []
    for alpha in ALPHAS:
        rule = FairGrad(names(4), alpha=alpha)
        direction_P = unit(rule.combine(jacobian_TP.clone(), torch.ones(4), range(4))[0])
        agreements.append((direction_P @ best_P).item())
        least_gains.append((jacobian_TP @ direction_P).min().item())
    assert agreements == sorted(agreements)
    assert least_gains == sorted(least_gains)
    assert agreements[0] < 0.8
    assert agreements[-1] > 0.98
