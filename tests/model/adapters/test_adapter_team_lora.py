"""TeamLoRA. E experts."""

from __future__ import annotations

import torch

from tests.model.adapters.networks import images, shipped, tiny_network, tokens, trained
from tests.model.adapters.sites import make_site


def test_without_interaction_it_is_a_softmax_over_experts():
    adapter = trained(shipped("team_lora")(site=make_site()))
    adapter.interaction_EE.data = torch.eye(4, dtype=torch.float64)
    x_TBLD = tokens()
    gate_TBLE = adapter.scores(x_TBLD).softmax(-1)
    z_TBLR = (x_TBLD @ adapter.down_RD.mT) * gate_TBLE.repeat_interleave(16, -1)
    torch.testing.assert_close(adapter(x_TBLD)[0], 2 * z_TBLR @ adapter.up_OP.mT)


def test_one_expert_is_lora():
    adapter = shipped("team_lora", num_experts=1)(site=make_site()).double().eval()
    torch.nn.init.normal_(adapter.up_OP)
    x_TBLD = tokens()
    expected_TBLO = 2 * x_TBLD @ adapter.down_RD.mT @ adapter.up_OP.mT
    torch.testing.assert_close(adapter(x_TBLD)[0], expected_TBLO)


def test_equal_interactions_weigh_all_experts_alike():
    adapter = trained(shipped("team_lora")(site=make_site()))
    adapter.interaction_EE.data.fill_(0.25)
    x_TBLD = tokens()
    expected_TBLO = 0.25 * 2 * x_TBLD @ adapter.down_RD.mT @ adapter.up_OP.mT
    torch.testing.assert_close(adapter(x_TBLD)[0], expected_TBLO)


def test_interaction_starts_uniform_with_a_diagonal_of_1():
    start_EE = shipped("team_lora")(site=make_site()).interaction_EE
    assert torch.equal(start_EE, torch.full((4, 4), 0.25).fill_diagonal_(1.0))
    none_EE = shipped("team_lora", interaction=0.0)(site=make_site()).interaction_EE
    assert torch.equal(none_EE, torch.eye(4))


def test_decisions_are_the_scores_before_the_interaction():
    adapter = trained(shipped("team_lora")(site=make_site()))
    _, routing = adapter(tokens())
    assert torch.equal(routing.gate_TBLE, routing.logits_TBLE.softmax(-1))


def test_a_network_with_it_runs():
    prediction = tiny_network(shipped("team_lora"))(images())
    assert [(routing.layer, routing.site) for routing in prediction.routing] == [
        (0, "fc1"),
        (0, "fc2"),
        (1, "fc1"),
        (1, "fc2"),
    ]
