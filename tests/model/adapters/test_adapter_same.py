"""SAME's experts. E experts."""

from __future__ import annotations

import torch

from tests.model.adapters.networks import images, shipped, tiny_network, tokens, trained
from tests.model.adapters.sites import make_site


def test_one_expert_is_lora():
    adapter = trained(shipped("same", num_experts=1)(site=make_site()))
    expected_TBLO = 2 * tokens() @ adapter.down_RD.mT @ adapter.up_OP.mT
    torch.testing.assert_close(adapter(tokens())[0], expected_TBLO)


def test_equal_experts_are_lora_whatever_the_router():
    adapter = trained(shipped("same")(site=make_site()))
    down_RD, up_OR = adapter.down_RD.data[:8], adapter.up_OP.data[:, :8]
    adapter.down_RD.data, adapter.up_OP.data = down_RD.repeat(8, 1), up_OR.repeat(1, 8)
    torch.testing.assert_close(adapter(tokens())[0], 2 * tokens() @ down_RD.mT @ up_OR.mT)


def test_it_is_the_sum_of_experts_and_not_the_product_of_mixtures():
    adapter = trained(shipped("same")(site=make_site()))
    adapter.router_ED.data.zero_()
    down_ERD, up_OER = adapter.down_RD.unflatten(0, (8, 8)), adapter.up_OP.unflatten(1, (8, 8))
    product_OD = 2 * up_OER.mean(1) @ down_ERD.mean(0)
    sum_OD = 2 * adapter.up_OP @ adapter.down_RD / 8
    torch.testing.assert_close(adapter(tokens())[0], tokens() @ sum_OD.mT)
    assert not torch.allclose(sum_OD, product_OD)


def test_every_token_is_routed_alone():
    adapter = trained(shipped("same")(site=make_site()))
    _, routing = adapter(tokens())
    assert routing.gate_TBLE.shape == (3, 2, 7, 8)
    torch.testing.assert_close(routing.gate_TBLE, (tokens() @ adapter.router_ED.mT).softmax(-1))


def test_a_network_with_it_runs():
    prediction = tiny_network(shipped("same"))(images())
    assert [routing.site for routing in prediction.routing] == 2 * ["fc1", "fc2"]
