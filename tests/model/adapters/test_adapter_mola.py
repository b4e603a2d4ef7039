"""MoLA. E experts."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.base.errors import UserError
from tests.model.adapters.networks import images, shipped, tiny_network, tokens, trained
from tests.model.adapters.sites import make_site


def counts(num_layers, **changes):
    """Number of experts in every layer."""
    make = shipped("mola", **changes)
    sites = [make_site(layer=layer, num_layers=num_layers) for layer in range(num_layers)]
    return [len(make(site=site).router_ED) for site in sites]


def test_deeper_quarters_have_more_experts():
    assert counts(12) == [2, 2, 2, 4, 4, 4, 6, 6, 6, 8, 8, 8]
    assert counts(2) == [2, 6]
    assert counts(6) == [2, 2, 4, 6, 6, 8]


def test_one_number_is_for_all_layers_and_as_many_as_layers_are_one_each():
    assert counts(3, num_experts=[5]) == [5, 5, 5]
    assert counts(3, num_experts=[2, 7, 3]) == [2, 7, 3]


def test_two_experts_share_a_token():
    adapter = trained(shipped("mola")(site=make_site(layer=3)))
    _, routing = adapter(tokens())
    assert ((routing.gate_TBLE > 0).sum(-1) == 2).all()
    largest = routing.logits_TBLE.softmax(-1).topk(2)
    expected = largest.values / largest.values.sum(-1, keepdim=True)
    torch.testing.assert_close(routing.gate_TBLE.gather(-1, largest.indices), expected)


def test_with_all_experts_chosen_it_equals_same():
    mola = trained(shipped("mola", num_experts=[8], top_k=8)(site=make_site()))
    same = shipped("same")(site=make_site()).double().eval()
    same.load_state_dict(mola.state_dict())
    assert torch.equal(mola(tokens())[0], same(tokens())[0])


def test_no_numbers_of_experts():
    with pytest.raises(UserError, match=r"model\.adapter\.num_experts=\[\] names no number"):
        shipped("mola", num_experts=[])(site=make_site())


@pytest.mark.parametrize("top_k", [0, 5])
def test_more_experts_of_a_token_than_a_layer_has(top_k):
    message = rf"model\.adapter\.top_k={top_k} does not fit the 4 experts of MoLA in layer 1"
    with pytest.raises(UserError, match=message):
        shipped("mola", top_k=top_k)(site=make_site())


def test_a_network_with_it_runs_at_all_linear_layers():
    prediction = tiny_network(shipped("mola"))(images())
    sizes = [routing.gate_TBLE.shape[-1] for routing in prediction.routing]
    assert sizes == 4 * [2] + 4 * [6]
