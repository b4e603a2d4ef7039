"""The small quadratic programmes against other solvers, all supports, and optimality itself."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, nnls
from torch import Tensor

from mtl_ase.balance import quadratic_programme
from mtl_ase.balance.quadratic_programme import (
    shortest_above,
    shortest_in_hull,
    shortest_towards_mean,
)
from tests.balance.gramians import awkward, conflicting, gram

BLOCKS = range(10)
PER_BLOCK = 60


def some(block: int) -> range:
    return range(PER_BLOCK * block, PER_BLOCK * (block + 1))


def least_of_all_supports(jacobian: np.ndarray) -> float:
    """The least |J^T w| over the simplex, of the stationary points of all supports."""
    lengths = []
    for support in itertools.product([False, True], repeat=len(jacobian)):
        rows = jacobian[np.flatnonzero(support)]
        ones = np.ones((len(rows), 1))
        system = np.block([[rows @ rows.T, ones], [ones.T, 0]])
        wanted = np.append(np.zeros(len(rows)), 1)
        w = np.linalg.lstsq(system, wanted, rcond=1e-15)[0][:-1]
        if len(rows) and (w >= -1e-9).all() and abs(w.sum() - 1) < 1e-6:
            w = w.clip(0) / w.clip(0).sum()
            lengths.append(np.linalg.norm(w @ rows))
    return min(lengths)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_hulls_shortest_vector_is_the_least_over_all_supports(block: int) -> None:
    for number in some(block):
        jacobian_TP = awkward(number)[:6]
        w_T = shortest_in_hull(gram(jacobian_TP))
        assert (w_T >= 0).all()
        assert w_T.sum().item() == pytest.approx(1)
        least = least_of_all_supports(jacobian_TP.numpy())
        mine, shortest = (w_T @ jacobian_TP).norm(), jacobian_TP.norm(dim=1).min()
        assert mine**2 <= least**2 + 1e-10 * shortest**2, number


@pytest.mark.parametrize("block", BLOCKS)
def test_no_gradient_is_shorter_along_the_hulls_shortest_vector(block: int) -> None:
    """What makes it optimal: <g_t, d> >= |d|^2 for every t; here for all sizes up to 12."""
    for number in some(block):
        gramian_TS = gram(awkward(number))
        lengths_T = gramian_TS.diagonal().sqrt()
        w_T = shortest_in_hull(gramian_TS)
        products_T = gramian_TS @ w_T
        excess_T = (w_T @ products_T - products_T) / (lengths_T * lengths_T.min())
        assert excess_T.max() < 1e-9, number


def test_the_hulls_shortest_vector_agrees_with_slsqp() -> None:
    for number in range(40):
        gramian = gram(conflicting(2 + number % 5, number)).numpy()
        found = minimize(
            lambda w, gramian=gramian: w @ gramian @ w,
            np.full(len(gramian), 1 / len(gramian)),
            jac=lambda w, gramian=gramian: 2 * gramian @ w,
            bounds=[(0, 1)] * len(gramian),
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            options={"ftol": 1e-14, "maxiter": 1000},
        )
        np.testing.assert_allclose(shortest_in_hull(torch.tensor(gramian)), found.x, atol=1e-5)


def least_above(number: int) -> tuple[Tensor, Tensor]:
    jacobian_TP = awkward(number)
    generator = torch.Generator().manual_seed(number)
    least_T = torch.rand(len(jacobian_TP), generator=generator, dtype=torch.float64)
    least_T[least_T < 0.5] = 0
    least_T[number % len(least_T)] = 1
    return jacobian_TP, least_T


@pytest.mark.parametrize("block", BLOCKS)
def test_the_shortest_above_agrees_with_least_squares(block: int) -> None:
    """With v = u + x it is |J^T x + J^T u| over x >= 0, which scipy's `nnls` solves."""
    for number in some(block):
        jacobian_TP, least_T = least_above(number)
        target_P = jacobian_TP.mT @ least_T
        v_T = shortest_above(gram(jacobian_TP), least_T)
        assert (v_T >= least_T).all()
        _, length = nnls(jacobian_TP.mT.numpy(), -target_P.numpy())
        mine = (jacobian_TP.mT @ v_T).norm().item()
        assert mine**2 <= length**2 + 1e-9 * target_P.square().sum().item(), number


@pytest.mark.parametrize("block", BLOCKS)
def test_the_shortest_above_conflicts_with_none_and_is_no_longer_than_needed(block: int) -> None:
    """What makes it optimal: G v >= 0, and (G v)_t = 0 wherever v_t > u_t."""
    for number in some(block):
        jacobian_TP, least_T = least_above(number)
        gramian_TS = gram(jacobian_TP)
        v_T = shortest_above(gramian_TS, least_T)
        scale_T = gramian_TS.diagonal().sqrt() * (jacobian_TP.mT @ least_T).norm()
        products_T = gramian_TS @ v_T / scale_T
        assert products_T.min() > -1e-6, number
        gap = (products_T * (v_T - least_T) * scale_T).sum() / (least_T @ gramian_TS @ least_T)
        assert gap.abs() < 1e-6, number


def test_towards_the_mean_it_is_the_shortest_sum() -> None:
    """Of all w on a fine grid of the triangle none makes |J^T w + pull g_0| shorter."""
    grid = [(i / 60, j / 60, 1 - (i + j) / 60) for i in range(61) for j in range(61 - i)]
    grid_WT = torch.tensor(grid, dtype=torch.float64).clamp(min=0)
    for number, pull in itertools.product(range(5), (0.0, 0.3, 2.0)):
        jacobian_TP = conflicting(3, number)
        mean_P = pull * jacobian_TP.mean(0)
        w_T = shortest_towards_mean(gram(jacobian_TP), pull)
        lengths_W = (grid_WT @ jacobian_TP + mean_P).norm(dim=1)
        mine = (w_T @ jacobian_TP + mean_P).norm()
        assert lengths_W.min() * 0.99 < mine <= lengths_W.min()


def test_where_a_gradient_cancels_the_pulled_mean_it_is_all() -> None:
    """g_1 + pull g_0 = 0 is in the hull, the shortest vector there is."""
    jacobian_TP = torch.tensor([[-1.0, 0.0], [5.0, 0.0]]).double()
    assert shortest_towards_mean(gram(jacobian_TP), 0.5).tolist() == pytest.approx([1, 0], abs=1e-6)


@pytest.mark.parametrize("scale", [1e-18, 1.0, 1e18])
def test_the_scale_of_all_gradients_cancels(scale: float) -> None:
    jacobian_TP = conflicting(5)
    gramian_TS, least_T = gram(jacobian_TP), torch.eye(5, dtype=torch.float64)[2]
    for solve in (shortest_in_hull, lambda matrix_TS: shortest_above(matrix_TS, least_T)):
        torch.testing.assert_close(solve(scale * gramian_TS), solve(gramian_TS))


def test_one_gradient_is_the_hull() -> None:
    gramian_TS = torch.tensor([[7.0]]).double()
    assert shortest_in_hull(gramian_TS).tolist() == [1]
    assert shortest_above(gramian_TS, torch.tensor([0.25]).double()).tolist() == [0.25]


def test_few_systems_are_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    """About one for every task; a cycle would need as many as the limit allows."""
    calls = []
    solve = quadratic_programme.stationary

    def counted(*arguments: Tensor) -> Tensor:
        calls.append(arguments)
        return solve(*arguments)

    monkeypatch.setattr(quadratic_programme, "stationary", counted)
    for number in range(600):
        gramian_TS = gram(awkward(number))
        calls.clear()
        shortest_in_hull(gramian_TS)
        assert 1 <= len(calls) <= 3 * len(gramian_TS), number
