"""HydraLoRA. E experts, O width out, R rank."""

from __future__ import annotations

import torch

from tests.model.adapters.networks import images, shipped, tiny_network, tokens, trained
from tests.model.adapters.sites import make_site


def lora(adapter, up_OR, x_TBLD):
    """(32 / 4) B A x."""
    return 8 * x_TBLD @ adapter.down_RD.mT @ up_OR.mT


def test_one_up_projection_is_lora():
    adapter = trained(shipped("hydra_lora", num_experts=1)(site=make_site()))
    torch.testing.assert_close(adapter(tokens())[0], lora(adapter, adapter.up_OP, tokens()))


def test_equal_up_projections_are_lora_whatever_the_router():
    adapter = trained(shipped("hydra_lora")(site=make_site()))
    up_OR = adapter.up_OP.data[:, :4]
    adapter.up_OP.data = up_OR.repeat(1, 4)
    torch.testing.assert_close(adapter(tokens())[0], lora(adapter, up_OR, tokens()))


def test_an_undecided_router_averages_the_up_projections():
    adapter = trained(shipped("hydra_lora")(site=make_site()))
    adapter.router_ED.data.zero_()
    mean_OR = adapter.up_OP.unflatten(1, (4, 4)).mean(1)
    torch.testing.assert_close(adapter(tokens())[0], lora(adapter, mean_OR, tokens()))


def test_a_is_shared():
    adapter = shipped("hydra_lora")(site=make_site())
    assert adapter.down_RD.shape == (4, 8)
    assert adapter.up_OP.shape == (12, 16)


def test_a_network_with_it_runs():
    prediction = tiny_network(shipped("hydra_lora"))(images())
    assert [routing.site for routing in prediction.routing] == 2 * ["fc1", "fc2"]
