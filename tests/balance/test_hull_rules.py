"""MGDA, SDMGrad and CAGrad: shortest vectors in the hull of the gradients, and near the mean."""

from __future__ import annotations

import itertools
from typing import Literal

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from mtl_ase.balance import MGDA, CAGrad, SDMGrad
from mtl_ase.balance.cagrad import conflict_averse
from mtl_ase.balance.gradient_rule import ridged
from tests.balance.gramians import awkward, conflicting, gram, names, unit


def weigh(rule: MGDA | SDMGrad | CAGrad, jacobian_TP: Tensor, losses: object = None) -> Tensor:
    count = len(jacobian_TP)
    losses_T = torch.ones(count) if losses is None else torch.as_tensor(losses)
    return rule.weigh(gram(jacobian_TP), losses_T.double(), range(count))


@pytest.mark.parametrize(
    ("cosine", "first"), [(0.9, 1), (0.5, 1), (0.2, 6 / 7), (-0.5, 5 / 7), (-1, 2 / 3)]
)
def test_mgda_of_two_gradients(cosine: float, first: float) -> None:
    """w_1 = <g_2 - g_1, g_2> / |g_1 - g_2|^2; the shorter one alone where that is above 1."""
    gramian_TS = torch.tensor([[1, 2 * cosine], [2 * cosine, 4]], dtype=torch.float64)
    w_T = MGDA(names(2)).weigh(gramian_TS, torch.ones(2).double(), [0, 1])
    assert w_T.tolist() == pytest.approx([first, 1 - first], abs=1e-9)


def test_mgda_has_the_same_product_with_all_it_uses() -> None:
    """<g_t, d> = |d|^2 where w_t > 0, and no less elsewhere."""
    for number in range(20):
        jacobian_TP = conflicting(5, number)
        w_T = weigh(MGDA(names(5)), jacobian_TP)
        direction_P = w_T @ jacobian_TP
        gains_T = jacobian_TP @ direction_P / direction_P.square().sum()
        assert gains_T.min() > 1 - 1e-9
        torch.testing.assert_close(gains_T[w_T > 0], torch.ones_like(gains_T[w_T > 0]))


def test_mgda_agrees_with_torchjd() -> None:
    """TorchJD's iteration of Frank and Wolfe converges slowly, so to three digits."""
    aggregation = pytest.importorskip("torchjd.aggregation")
    reference = aggregation.MGDAWeighting(epsilon=1e-9, max_iters=20_000)
    for number in range(3):
        jacobian_TP = conflicting(4, number)
        w_T = weigh(MGDA(names(4)), jacobian_TP)
        torch.testing.assert_close(w_T, reference(gram(jacobian_TP)), atol=1e-3, rtol=0)


@pytest.mark.parametrize("normalise", ["none", "l2", "loss", "loss+"])
def test_mgda_normalises_before_it_weighs(
    normalise: Literal["none", "l2", "loss", "loss+"],
) -> None:
    """The weights are those of the divided gradients, and weigh the gradients as they are."""
    jacobian_TP, losses_T = conflicting(3), torch.tensor([0.5, 4.0, 2.0]).double()
    lengths_T = jacobian_TP.norm(dim=1)
    divisor_T = {
        "none": torch.ones(3),
        "l2": lengths_T,
        "loss": losses_T,
        "loss+": losses_T * lengths_T,
    }[normalise]
    expected_T = weigh(MGDA(names(3)), jacobian_TP / divisor_T[:, None])
    rule = MGDA(names(3), normalise=normalise)
    torch.testing.assert_close(weigh(rule, jacobian_TP, losses_T), expected_T)
    direction_P = rule.combine(jacobian_TP.clone(), losses_T, [0, 1, 2]).direction_P
    torch.testing.assert_close(direction_P, expected_T @ jacobian_TP)
    if normalise != "none":
        assert (weigh(MGDA(names(3)), jacobian_TP) - expected_T).abs().max() > 0.01


def test_mgda_bears_a_loss_of_zero() -> None:
    w_T = weigh(MGDA(names(2), normalise="loss"), conflicting(2), [0.0, 1.0])
    assert w_T.isfinite().all()


@pytest.mark.parametrize("pull", [0.0, 0.3, 1.5])
def test_sdmgrad_agrees_with_a_general_solver(pull: float) -> None:
    for number in range(5):
        jacobian = conflicting(4, number).numpy()
        mean = jacobian.mean(0)
        found = minimize(
            lambda w, jacobian=jacobian, mean=mean: ((w @ jacobian + pull * mean) ** 2).sum(),
            np.full(4, 0.25),
            bounds=[(0, 1)] * 4,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            options={"ftol": 1e-14, "maxiter": 1000},
        )
        expected = (found.x + pull / 4) / (1 + pull)
        mine = weigh(SDMGrad(names(4), pull=pull), torch.tensor(jacobian))
        np.testing.assert_allclose(mine, expected, atol=1e-5)
        assert mine.sum().item() == pytest.approx(1)


def test_sdmgrad_agrees_with_torchjd() -> None:
    """TorchJD takes steps of SGD, as the official code does; with many small ones it converges."""
    aggregation = pytest.importorskip("torchjd.aggregation")
    for number in range(3):
        reference = aggregation.SDMGradWeighting(lr=0.2, momentum=0.5, n_iter=3000)
        jacobian_TP = conflicting(4, number)
        expected_T = reference(gram(jacobian_TP))
        torch.testing.assert_close(weigh(SDMGrad(names(4)), jacobian_TP), expected_T)


def test_sdmgrad_lies_between_mgda_and_the_mean() -> None:
    jacobian_TP = conflicting(4)
    mgda_T = weigh(MGDA(names(4)), jacobian_TP)
    torch.testing.assert_close(weigh(SDMGrad(names(4), pull=0), jacobian_TP), mgda_T)
    far_T = weigh(SDMGrad(names(4), pull=1e6), jacobian_TP)
    torch.testing.assert_close(far_T, torch.full_like(far_T, 0.25), atol=1e-5, rtol=0)


@pytest.mark.parametrize("c", [0.1, 0.4, 0.9, 3.0])
def test_cagrad_is_the_best_of_the_ball(c: float) -> None:
    """The gain of the worst task equals the dual's value, which no direction can exceed."""
    for number in range(60):
        jacobian_TP = conflicting(2 + number % 5, number)
        mean_P = jacobian_TP.mean(0)
        weights_T = weigh(CAGrad(names(len(jacobian_TP)), c=c), jacobian_TP)
        direction_P = weights_T @ jacobian_TP
        radius = c * mean_P.norm()
        torch.testing.assert_close((direction_P - mean_P).norm(), radius)
        w_T = weights_T - 1 / len(jacobian_TP)
        assert (w_T > -1e-9).all()
        along_P = (w_T / w_T.sum()) @ jacobian_TP
        dual = along_P @ mean_P + radius * along_P.norm()
        torch.testing.assert_close((jacobian_TP @ direction_P).min(), dual, rtol=0, atol=1e-9)


def test_cagrad_agrees_with_slsqp() -> None:
    """On the paper's dual problem."""
    for number in range(10):
        jacobian_TP = conflicting(4, number)
        gramian, c = gram(jacobian_TP).numpy(), 0.4
        radius = c * np.sqrt(gramian.mean())
        found = minimize(
            lambda w, g=gramian, r=radius: w @ g.mean(1) + r * np.sqrt(w @ g @ w),
            np.full(4, 0.25),
            bounds=[(0, 1)] * 4,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            options={"ftol": 1e-14, "maxiter": 1000},
        )
        expected = 0.25 + radius / np.sqrt(found.x @ gramian @ found.x) * found.x
        np.testing.assert_allclose(weigh(CAGrad(names(4)), jacobian_TP), expected, atol=1e-4)


@pytest.mark.parametrize(("rescale", "divisor"), [("none", 1), ("1+c^2", 1.25), ("1+c", 1.5)])
def test_cagrad_rescales(rescale: Literal["none", "1+c^2", "1+c"], divisor: float) -> None:
    jacobian_TP = conflicting(3)
    plain_T = weigh(CAGrad(names(3), c=0.5), jacobian_TP)
    rescaled_T = weigh(CAGrad(names(3), c=0.5, rescale=rescale), jacobian_TP)
    torch.testing.assert_close(rescaled_T * divisor, plain_T)


def test_cagrad_lies_between_the_mean_and_mgda() -> None:
    jacobian_TP = conflicting(4)
    assert weigh(CAGrad(names(4), c=0), jacobian_TP).tolist() == [0.25] * 4
    near_T = weigh(CAGrad(names(4), c=1e-7), jacobian_TP)
    torch.testing.assert_close(near_T, torch.full_like(near_T, 0.25), atol=1e-6, rtol=0)
    far_P = unit(weigh(CAGrad(names(4), c=1e6), jacobian_TP) @ jacobian_TP)
    mgda_P = unit(weigh(MGDA(names(4)), jacobian_TP) @ jacobian_TP)
    torch.testing.assert_close(far_P, mgda_P, atol=1e-5, rtol=0)


def test_cagrad_finds_the_radius_of_awkward_gradients() -> None:
    """Of those as the ridge leaves them: the step away from the mean has length c |g_0|."""
    for number, c in itertools.product(range(0, 600, 2), (0.05, 0.4, 1.0)):
        gramian_TS = ridged(gram(awkward(number)))
        away_T = conflict_averse(gramian_TS, c)
        w_T = away_T / away_T.sum()
        towards_T = gramian_TS.mean(1) + gramian_TS @ away_T  # <g_t, d>
        dual = w_T @ gramian_TS.mean(1)
        dual = dual + c * (gramian_TS.mean() * (w_T @ gramian_TS @ w_T)).sqrt()
        scale = gramian_TS.diagonal().min().sqrt() * gramian_TS.mean().sqrt()
        assert (away_T >= 0).all()
        assert ((dual - towards_T.min()).abs() / scale) < 1e-5, (number, c)


def test_one_gradient() -> None:
    jacobian_TP = torch.tensor([[3.0, 4.0]]).double()
    assert weigh(MGDA(names(1)), jacobian_TP).tolist() == [1]
    assert weigh(SDMGrad(names(1)), jacobian_TP).tolist() == pytest.approx([1])
    assert weigh(CAGrad(names(1)), jacobian_TP).tolist() == pytest.approx([1.4])
