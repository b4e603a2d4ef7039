"""IMTL-G: the same projection on every gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mtl_ase.balance import IMTLG
from mtl_ase.balance.imtl_g import MOST
from tests.balance.gramians import awkward, conflicting, gram, names, unit


def weigh(jacobian_TP: Tensor) -> Tensor:
    count = len(jacobian_TP)
    return IMTLG(names(count)).weigh(gram(jacobian_TP), torch.ones(count), range(count))


def ours_and_sums() -> list[tuple[Tensor, Tensor, float]]:
    """Jacobians, our weights, and the sum of the weights before it is made 1."""
    jacobians = [conflicting(2 + number % 5, number) for number in range(60)]
    for jacobian_TP in jacobians[1::2]:
        if len(jacobian_TP) > 2:  # a short one, nearly between two others
            jacobian_TP[-1] = 0.05 * jacobian_TP[-1] + 0.1 * jacobian_TP[:2].sum(0)
    sums = [(gram(j_TP).inverse() @ j_TP.norm(dim=1)).sum().item() for j_TP in jacobians]
    return [(j_TP, weigh(j_TP), total) for j_TP, total in zip(jacobians, sums, strict=True)]


def test_the_projections_are_the_same_and_above_0() -> None:
    for jacobian_TP, w_T, _ in ours_and_sums():
        projections_T = jacobian_TP @ (w_T @ jacobian_TP) / jacobian_TP.norm(dim=1)
        torch.testing.assert_close(projections_T, projections_T.mean().expand(len(w_T)))
        assert projections_T.min() > 0


def paper(jacobian_TP: Tensor) -> Tensor:
    """The closed form of the paper: a = g_1 U^T (D U^T)^-1 for all tasks but the first."""
    unit_TP = jacobian_TP / jacobian_TP.norm(dim=1, keepdim=True)
    differences, units = jacobian_TP[0] - jacobian_TP[1:], unit_TP[0] - unit_TP[1:]
    others_S = jacobian_TP[0] @ units.mT @ torch.linalg.inv(differences @ units.mT)
    return torch.cat([1 - others_S.sum(0, keepdim=True), others_S])


def test_the_weights_are_the_papers_up_to_the_sign() -> None:
    """Which is that of the sum: where it is negative, the paper's direction is uphill for all."""
    signs = set()
    for jacobian_TP, w_T, total in ours_and_sums():
        if w_T.abs().max() < 0.9 * MOST:
            sign = 1 if total > 0 else -1
            signs.add(sign)
            torch.testing.assert_close(w_T, sign * paper(jacobian_TP), rtol=1e-6, atol=1e-6)
    assert signs == {-1, 1}


def test_agrees_with_torchjd() -> None:
    reference = pytest.importorskip("torchjd.aggregation").IMTLGWeighting()
    for jacobian_TP, w_T, total in ours_and_sums():
        if total > 0 and w_T.abs().max() < 0.9 * MOST:
            torch.testing.assert_close(w_T, reference(gram(jacobian_TP)))


def test_a_sum_near_0_makes_no_weight_infinite() -> None:
    """The third of these gradients is inside the others' cone; at some length the sum passes 0."""
    jacobian_TP = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.3]]).double()
    jacobian_TP[2] /= jacobian_TP[2].norm()
    b_T = gram(jacobian_TP).inverse().sum(1)
    assert b_T[2] * b_T[0] < 0
    critical = (-b_T[2] / (b_T[0] + b_T[1])).item()  # the length at which the sum is 0
    for factor in (0.9, 1 - 1e-9, 1.0, 1 + 1e-9, 1.1):
        scaled_TP = jacobian_TP.clone()
        scaled_TP[2] *= critical * factor
        w_T = weigh(scaled_TP)
        assert w_T.abs().max() <= MOST * (1 + 1e-12)
        assert (w_T.abs().max() > 0.99 * MOST) == (abs(factor - 1) < 1e-6)
        assert (scaled_TP @ (w_T @ scaled_TP) > 0).all()


def test_two_gradients_are_bisected() -> None:
    jacobian_TP = conflicting(2)
    expected_P = unit(unit(jacobian_TP[0]) + unit(jacobian_TP[1]))
    torch.testing.assert_close(unit(weigh(jacobian_TP) @ jacobian_TP), expected_P)


def test_opposite_gradients_cancel() -> None:
    """As those that are nearly opposite do; the pseudo-inverse would give 0 / 0."""
    jacobian_TP = torch.tensor([[1.0, 2.0], [-2.0, -4.0]]).double()
    w_T = weigh(jacobian_TP)
    assert w_T.tolist() == pytest.approx([2 / 3, 1 / 3])
    assert (w_T @ jacobian_TP).abs().max() < 1e-6


def test_awkward_gradients_give_finite_weights() -> None:
    for number in range(600):
        w_T = weigh(awkward(number))
        assert w_T.abs().max() <= MOST * (1 + 1e-12), number


def test_one_gradient() -> None:
    assert weigh(torch.tensor([[3.0, 4.0]]).double()).tolist() == pytest.approx([1])
