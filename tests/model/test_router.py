"""Routers: noise while training only, one router a task. T tasks, B images, L tokens, D width."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.model.adapters import NoisyRouter
from mtl_ase.model.adapters.router import MIN_STD

T, D, E = 3, 6, 4


@pytest.fixture
def router():
    router = NoisyRouter(T, D, E)
    torch.nn.init.normal_(router.logits_TDE)
    return router


def test_evaluation_has_no_noise(router):
    x_TBLD = torch.randn(T, 2, 5, D)
    router.eval()
    assert torch.equal(router(x_TBLD), router(x_TBLD))
    expected_TBLE = x_TBLD @ router.logits_TDE[:, None]
    torch.testing.assert_close(router(x_TBLD), expected_TBLE)


def test_training_has_fresh_noise(router):
    x_TBLD = torch.randn(T, 2, 5, D)
    assert not torch.equal(router(x_TBLD), router(x_TBLD))


@pytest.mark.parametrize(("raw", "expected"), [(-50.0, MIN_STD), (0.0, 0.1), (2.0, 0.538)])
def test_noise_is_normal_with_the_learned_deviation(router, raw, expected):
    """X is a unit vector, so V x is V's first row; at 2, log(1 + e^2 (e^0.09 - 1)) + 0.01."""
    x_TBLD = torch.zeros(T, 1, 20_000, D)
    x_TBLD[..., 0] = 1
    with torch.no_grad():
        router.noise_TDE[:, 0] = raw
    noise_TBLE = router(x_TBLD) - router.eval()(x_TBLD)
    std_TE = noise_TBLE.std(dim=(1, 2))
    expected_TE = torch.full((T, E), expected)
    torch.testing.assert_close(std_TE, expected_TE, rtol=0.03, atol=0)
    assert noise_TBLE.mean(dim=(1, 2)).abs().max() < 5 * expected / 20_000**0.5


def test_noise_can_be_left_out():
    router, x_TBLD = NoisyRouter(T, D, E, noise_std=0), torch.randn(T, 2, 5, D)
    assert [name for name, _ in router.named_parameters()] == ["logits_TDE"]
    assert torch.equal(router(x_TBLD), router.eval()(x_TBLD))


def test_noise_below_what_it_keeps_is_refused():
    with pytest.raises(UserError, match=r"noise_std=0\.005 is below"):
        NoisyRouter(T, D, E, noise_std=0.005)


def test_the_first_logits_have_the_deviation_asked_for():
    router = NoisyRouter(T, 256, 64, logits_std=0.05).eval()
    logits_TBLE = router(torch.randn(T, 8, 64, 256))
    assert float(logits_TBLE.detach().std()) == pytest.approx(0.05, rel=0.05)


def test_noise_starts_alike_for_all_tokens(router):
    assert not router.noise_TDE.any()


def test_tasks_have_routers_of_their_own(router):
    router.eval()
    x_BLD = torch.randn(2, 5, D)
    logits_TBLE = router(x_BLD.expand(T, -1, -1, -1))
    assert not torch.allclose(logits_TBLE[0], logits_TBLE[1])
    with torch.no_grad():
        router.logits_TDE[0] += 1
    changed_TBLE = router(x_BLD.expand(T, -1, -1, -1))
    assert not torch.allclose(changed_TBLE[0], logits_TBLE[0])
    assert torch.equal(changed_TBLE[1:], logits_TBLE[1:])


def test_fresh_routers_of_two_tasks_differ():
    fresh = NoisyRouter(2, D, E)
    assert not torch.equal(fresh.logits_TDE[0], fresh.logits_TDE[1])


def test_logits_are_float32_under_autocast(router):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert router(torch.randn(T, 1, 2, D)).dtype == torch.float32


def test_both_parameters_learn(router):
    router(torch.randn(T, 2, 5, D)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in router.parameters())
