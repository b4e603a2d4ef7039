"""Soft mixtures of low-rank experts. T tasks, B images, L tokens, D width in, O width out."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import linear

from mtl_ase.model.adapters import SMoLA
from tests.model.adapters.oracles import smola as oracle
from tests.model.adapters.sites import make_site

T, B, L, D = 3, 2, 7, 8


def make(num_experts=2, num_shared=3, num_slots=2, rank=2, **site):
    adapter = SMoLA(make_site(**site), num_experts, num_shared, num_slots, rank).double().eval()
    for up in (adapter.up_OP, adapter.private_up_TOJ):
        torch.nn.init.normal_(up)
    return adapter


def draw():
    return torch.randn(T, B, L, D, dtype=torch.float64)


@pytest.mark.parametrize("counts", [(2, 3, 2, 2), (1, 1, 1, 3), (3, 1, 4, 1)])
def test_it_equals_its_loops(counts):
    adapter, x_TBLD = make(*counts), draw()
    torch.testing.assert_close(adapter(x_TBLD)[0], oracle.update(adapter, x_TBLD))


def test_permuted_patch_tokens_give_a_permuted_update():
    adapter, x_TBLD = make(), draw()
    order_L = torch.tensor([0, 4, 2, 6, 1, 3, 5])
    torch.testing.assert_close(adapter(x_TBLD[:, :, order_L])[0], adapter(x_TBLD)[0][:, :, order_L])


def test_with_one_slot_every_patch_token_gets_the_same():
    adapter, x_TBLD = make(num_experts=1, num_shared=1, num_slots=1), draw()
    update_TBLO, _ = adapter(x_TBLD)
    assert update_TBLO[:, :, 1:].abs().max() > 0.1
    torch.testing.assert_close(
        update_TBLO[:, :, 1:], update_TBLO[:, :, 1:2].expand(T, B, L - 1, -1)
    )


def test_with_one_expert_and_equal_tokens_it_is_a_plain_low_rank_update():
    """Means over tokens and over slots change nothing then, whatever the router says."""
    adapter = make(num_experts=1, num_shared=1, num_slots=3)
    x_TBLD = draw()[:, :, :1].expand(T, B, L, D)
    update_TBLO, _ = adapter(x_TBLD)
    for t in range(T):
        own = linear(linear(x_TBLD[t], adapter.private_down_TKD[t]), adapter.private_up_TOJ[t])
        shared = linear(linear(x_TBLD[t], adapter.down_RD), adapter.up_OP)
        expected_BLO = adapter.scale * (own + shared)
        torch.testing.assert_close(update_TBLO[t, :, 1:], expected_BLO[:, 1:])


@pytest.mark.parametrize("num_prefix", [0, 1, 3])
def test_prefix_tokens_get_nothing_and_give_nothing(num_prefix):
    adapter = make(num_prefix=num_prefix)
    x_TBLD = torch.randn(T, B, num_prefix + 6, D, dtype=torch.float64)
    before_TBLO, _ = adapter(x_TBLD)
    assert not before_TBLO[:, :, :num_prefix].any()
    x_TBLD[:, :, :num_prefix] += 1
    torch.testing.assert_close(adapter(x_TBLD)[0], before_TBLO)


def test_the_weights_of_each_set_sum_to_one_on_patch_tokens():
    _, routing = make()(draw())
    own_TBLE, shared_TBLE = routing.gate_TBLE.tensor_split([2], -1)
    for set_TBLE in (own_TBLE, shared_TBLE):
        torch.testing.assert_close(
            set_TBLE[:, :, 1:].sum(-1), torch.ones(T, B, L - 1, dtype=torch.float64)
        )
        assert not set_TBLE[:, :, 0].any()


def test_a_regulariser_sees_half_of_each_set_s_weights():
    _, routing = make()(draw())
    probability_TBLE = routing.logits_TBLE.softmax(-1)[:, :, 1:]
    torch.testing.assert_close(2 * probability_TBLE, routing.gate_TBLE[:, :, 1:])


def test_it_mixes_in_float32_under_autocast():
    adapter = make().float()
    logits_TBLS = torch.randn(T, B, L, 10)
    z_TBLR = torch.randn(T, B, L, 10)
    expected_TBLR = adapter.mix(z_TBLR, logits_TBLS)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(adapter.mix(z_TBLR, logits_TBLS), expected_TBLR)
