"""Aligned-MTL: principal components of equal length."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from mtl_ase.balance import AlignedMTL
from tests.balance.gramians import awkward, conflicting, gram, names

Scale = Literal["min", "median", "rmse"]
SCALES: list[Scale] = ["min", "median", "rmse"]


@pytest.mark.parametrize("scale", SCALES)
def test_it_is_the_mean_of_the_aligned_gradients(scale: Scale) -> None:
    """With J = U S V^T these are the rows of s U V^T, s from the singular values."""
    for number in range(40):
        jacobian_TP = conflicting(2 + number % 5, number)
        u_TR, sizes_R, v_RP = torch.linalg.svd(jacobian_TP, full_matrices=False)
        squares = sorted(sizes_R.square().tolist())
        square = {
            "min": squares[0],
            "median": squares[(len(squares) - 1) // 2],
            "rmse": sum(squares) / len(squares),
        }[scale]
        expected_P = square**0.5 * (u_TR @ v_RP).mean(0)
        count = len(jacobian_TP)
        rule = AlignedMTL(names(count), scale=scale)
        direction_P, _ = rule.combine(jacobian_TP.clone(), torch.ones(count), range(count))
        torch.testing.assert_close(direction_P, expected_P)


@pytest.mark.parametrize("scale", SCALES)
def test_agrees_with_torchjd(scale: Scale) -> None:
    aggregation = pytest.importorskip("torchjd.aggregation")
    reference = aggregation.AlignedMTLWeighting(scale_mode=scale)
    for number in range(10):
        gramian_TS = gram(conflicting(5, number))
        mine_T = AlignedMTL(names(5), scale=scale).weigh(gramian_TS, torch.ones(5), range(5))
        torch.testing.assert_close(mine_T, reference(gramian_TS))


def test_what_32_bits_cannot_tell_from_0_is_no_component() -> None:
    """Two gradients that are the same but for rounding: their mean, not one shrunk to nothing."""
    jacobian_TP = torch.tensor([[1.0, 2.0, 0.0], [1.0, 2.0, 1e-7]]).double()
    weights_T = AlignedMTL(names(2)).weigh(gram(jacobian_TP), torch.ones(2), [0, 1])
    torch.testing.assert_close(weights_T, torch.full_like(weights_T, 0.5))


@pytest.mark.parametrize("scale", SCALES)
def test_awkward_gradients_give_finite_weights(scale: Scale) -> None:
    """The mean of orthonormal rows is no longer than one row: |d| <= sqrt(l)."""
    for number in range(300):
        jacobian_TP = awkward(number)
        count = len(jacobian_TP)
        rule = AlignedMTL(names(count), scale=scale)
        direction_P, weights_T = rule.combine(jacobian_TP, torch.ones(count), range(count))
        assert weights_T.isfinite().all()
        assert direction_P.norm() <= 1.001 * jacobian_TP.norm(), number


def test_one_gradient() -> None:
    rule = AlignedMTL(names(1))
    assert rule.weigh(torch.tensor([[4.0]]).double(), torch.ones(1), [0]).tolist() == [1]
