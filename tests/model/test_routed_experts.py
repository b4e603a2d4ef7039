"""The adapter's start, its routing statistics and its errors. T tasks, B images, L tokens."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.model.adapters import (
    AdaptiveShared,
    NaiveShared,
    RenormalisedTopK,
    RoutedExperts,
    SoftmaxTopK,
)
from tests.model.adapters.sites import make_site

T, B, L, D = 3, 2, 5, 8
COUNTS = {
    SoftmaxTopK: (6, 2, 0),
    NaiveShared: (6, 2, 2),
    AdaptiveShared: (6, 2, 2),
    RenormalisedTopK: (6, 2, 0),
}
every_gate = pytest.mark.parametrize("gate", COUNTS)


def make(gate, rank=2, **options):
    return RoutedExperts(make_site("ffn", T, D, D), gate, *COUNTS[gate], rank=rank, **options)


@every_gate
def test_adds_nothing_at_start(gate):
    y_TBLD, _ = make(gate)(torch.randn(T, B, L, D))
    assert y_TBLD.shape == (T, B, L, D)
    assert not y_TBLD.any()


@every_gate
def test_routing_statistics(gate):
    adapter = make(gate).eval()
    x_TBLD = torch.randn(T, B, L, D)
    _, routing = adapter(x_TBLD)
    num_experts, top_k, num_shared = COUNTS[gate]
    gate_TBLE = adapter.gate(adapter.router(x_TBLD))
    torch.testing.assert_close(routing.gate_TE(), gate_TBLE.mean((1, 2)))
    torch.testing.assert_close(routing.load_TE(), (gate_TBLE > 0).float().mean((1, 2)))
    torch.testing.assert_close(
        routing.load_TE().sum(-1), torch.full((T,), top_k + num_shared + 0.0)
    )
    assert (routing.load_TE()[:, num_experts - num_shared :] == 1).all()
    assert routing.prob_TE().shape == (T, num_experts - num_shared)
    torch.testing.assert_close(routing.prob_TE().sum(-1), torch.ones(T))


@every_gate
def test_only_the_regulariser_s_statistic_has_a_gradient(gate):
    _, routing = make(gate)(torch.randn(T, B, L, D))
    assert routing.prob_TE().requires_grad
    assert not routing.gate_TE().requires_grad
    assert not routing.load_TE().requires_grad


@every_gate
def test_alpha_scales_the_sum(gate):
    x_TBLD = torch.randn(T, B, L, D)
    one, four = make(gate, alpha_per_rank=1.0).eval(), make(gate, alpha_per_rank=4.0).eval()
    torch.nn.init.normal_(one.up_OP)
    four.load_state_dict(one.state_dict())
    torch.testing.assert_close(four(x_TBLD)[0], 4 * one(x_TBLD)[0])


@every_gate
def test_granularity_splits_experts_at_the_same_budget(gate):
    num_experts, top_k, num_shared = COUNTS[gate]
    split = make(gate, rank=4, granularity=2)
    by_hand = RoutedExperts(
        make_site("ffn", T, D, D), gate, 2 * num_experts, 2 * top_k, 2 * num_shared, rank=2
    )
    assert str(split.gate) == str(by_hand.gate)
    assert split.scale == by_hand.scale
    split.load_state_dict(by_hand.state_dict())


@pytest.mark.parametrize("granularity", [0, -1, 3, 8])
def test_granularity_that_does_not_divide_the_rank(granularity):
    with pytest.raises(UserError, match=rf"granularity={granularity} can't split .*rank=4"):
        make(AdaptiveShared, rank=4, granularity=granularity)


@every_gate
@pytest.mark.parametrize("rank", [0, -3])
def test_rank_below_one(gate, rank):
    with pytest.raises(UserError, match=r"model\.adapter\.rank"):
        make(gate, rank=rank)
