"""Rescaled gradients against the matrices that the paper writes. D width in."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.model.adapters import subspace

DELTA, MU = 0.9, 0.7


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def covariance_DD():
    x_ND = draw(40, 7) * torch.tensor([3.0, 2.0, 1.5, 1.0, 0.5, 0.3, 0.1])
    return x_ND.mT @ x_ND / 40


@pytest.fixture
def gradient_XD():
    return draw(5, 7, seed=1)


def test_eigenvectors_give_the_covariance_back(covariance_DD):
    values_D, vectors_DD = subspace.eigen(covariance_DD)
    torch.testing.assert_close(vectors_DD @ values_D.diag() @ vectors_DD.mT, covariance_DD)
    assert (values_D.diff() <= 0).all()


@pytest.mark.parametrize("delta", [0.0, 0.5, 0.9, 0.999, 1.0])
def test_the_principal_subspace_is_the_smallest_with_its_share(covariance_DD, delta):
    values_D, _ = subspace.eigen(covariance_DD)
    total, k = sum(v**2 for v in values_D.tolist()), 0
    while k < 7 and sum(v**2 for v in values_D.tolist()[:k]) < delta * total * (1 - 1e-12):
        k += 1
    assert subspace.principal(values_D, delta).tolist() == [i < k for i in range(7)]


def test_the_inverse_is_the_papers(covariance_DD, gradient_XD):
    values_D, vectors_DD = subspace.eigen(covariance_DD)
    k = int(subspace.principal(values_D, DELTA).sum())
    assert 0 < k < 7
    V_Dk, eye_DD = vectors_DD[:, :k], torch.eye(7, dtype=torch.float64)
    inverse_DD = V_Dk @ torch.diag(1 / (values_D[:k] + MU)) @ V_Dk.mT
    inverse_DD = inverse_DD + (eye_DD - V_Dk @ V_Dk.mT) / MU
    factor_D = subspace.inverse_factors(values_D, DELTA, MU)
    found_XD = subspace.rescaled(gradient_XD, vectors_DD, factor_D)
    torch.testing.assert_close(found_XD, gradient_XD @ inverse_DD)


def test_with_all_directions_it_is_the_inverse_itself(covariance_DD, gradient_XD):
    values_D, vectors_DD = subspace.eigen(covariance_DD)
    factor_D = subspace.inverse_factors(values_D, 1.0, MU)
    found_XD = subspace.rescaled(gradient_XD, vectors_DD, factor_D)
    damped_DD = covariance_DD + MU * torch.eye(7, dtype=torch.float64)
    torch.testing.assert_close(found_XD, gradient_XD @ damped_DD.inverse())


def test_a_large_mu_is_a_division(covariance_DD, gradient_XD):
    values_D, vectors_DD = subspace.eigen(covariance_DD)
    factor_D = subspace.inverse_factors(values_D, DELTA, 1e9)
    found_XD = subspace.rescaled(gradient_XD, vectors_DD, factor_D)
    torch.testing.assert_close(found_XD * 1e9, gradient_XD, rtol=1e-7, atol=0)


def test_the_routers_factors_are_those_of_the_released_code(covariance_DD):
    values_D, _ = subspace.eigen(covariance_DD)
    k = int(subspace.principal(values_D, DELTA).sum())
    smooth = [values_D[max(0, i - 2) : i + 1].mean() for i in range(k)]
    inverse = [1 / value for value in smooth]
    expected = [min(max(float(v / max(inverse)), 0.8), 1.2) for v in inverse] + [1.0] * (7 - k)
    assert subspace.router_factors(values_D, DELTA, 0.8).tolist() == pytest.approx(expected)


def test_the_routers_gradient_outside_of_the_subspace_stays(covariance_DD, gradient_XD):
    values_D, vectors_DD = subspace.eigen(covariance_DD)
    chosen_D = subspace.principal(values_D, DELTA)
    factor_D = subspace.router_factors(values_D, DELTA, 0.0)
    change_XD = subspace.rescaled(gradient_XD, vectors_DD, factor_D) - gradient_XD
    torch.testing.assert_close(
        change_XD @ vectors_DD[:, ~chosen_D], torch.zeros(5, 7)[:, ~chosen_D].double()
    )
    before, after = (g @ vectors_DD[:, chosen_D] for g in (gradient_XD, gradient_XD + change_XD))
    torch.testing.assert_close(after, before * factor_D[chosen_D])
    assert (factor_D[chosen_D][:-1] < 1).all()


def test_the_norm_of_every_gradient_is_restored(gradient_XD):
    stacked = torch.stack([gradient_XD, 3 * gradient_XD])
    found = subspace.with_norm_of(stacked * torch.tensor([7.0, 0.1])[:, None, None], stacked)
    torch.testing.assert_close(found, stacked)
    assert not subspace.with_norm_of(0 * stacked, 0 * stacked).any()


def test_interference_is_the_mean_change_of_earlier_outputs():
    x_ND, change_XD = draw(40, 7), draw(5, 7, seed=1)
    expected = (x_ND @ change_XD.mT).square().sum(-1).mean()
    torch.testing.assert_close(subspace.interference(change_XD, x_ND.mT @ x_ND / 40), expected)
