"""GOAT. E experts, D width in, O width out, K singular values."""

from __future__ import annotations

import math

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.config.value_types import check_value, hints_of
from mtl_ase.model.adapters import GOAT
from tests.model.adapters.networks import gradients, shipped, tiny_network, tokens, trained
from tests.model.adapters.sites import make_site


def weight(width_out=24, width_in=20):
    """A random frozen weight."""
    generator = torch.Generator().manual_seed(5)
    return torch.randn(width_out, width_in, generator=generator, dtype=torch.float64)


def make(rank=2, num_experts=4, **changes):
    """A small adapter in float64, in evaluation mode."""
    site = make_site(width_in=20, width_out=24, weight_OD=weight())
    build = shipped("goat", rank=rank, num_experts=num_experts, **changes)
    return build(site=site).double().eval()


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_experts_start_as_the_first_triplets_of_their_segments(rank):
    adapter = make(rank)
    u_OK, s_K, v_KD = torch.linalg.svd(weight(), full_matrices=False)
    for e in range(4):
        rows, kept = slice(e * rank, (e + 1) * rank), slice(5 * e, 5 * e + rank)
        expert_OD = adapter.scale * adapter.up_OP[:, rows] @ adapter.down_RD[rows]
        segment_OD = u_OK[:, kept] @ s_K[kept].diag() @ v_KD[kept] / 10
        torch.testing.assert_close(expert_OD, segment_OD, rtol=1e-5, atol=1e-6)
        norms = adapter.down_RD[rows].norm(dim=1), adapter.up_OP[:, rows].norm(dim=0)
        torch.testing.assert_close(*norms, rtol=1e-5, atol=1e-6)


def test_the_scale_grows_with_width_over_rank():
    assert make(2).scale == math.sqrt(3 * 20 / 2)
    assert make(5, eta=0.5).scale == math.sqrt(1.5 * 20 / 5)


def test_equal_gates_of_all_experts_add_nothing_at_the_start():
    adapter = make(top_k=4)
    adapter.router_ED.data.zero_()
    update_TBLO, _ = adapter(tokens(width_in=20))
    assert update_TBLO.abs().max() < 1e-12


def test_the_choice_of_some_adds_what_their_gates_differ_from_equal_ones():
    adapter, x_TBLD = make(), tokens(width_in=20)
    update_TBLO, routing = adapter(x_TBLD)
    difference_TBLR = (routing.gate_TBLE - 1 / 4).repeat_interleave(2, -1)
    z_TBLR = difference_TBLR * (x_TBLD @ adapter.down_RD.mT)
    expected_TBLO = adapter.scale * z_TBLR @ adapter.up_OP.mT
    torch.testing.assert_close(update_TBLO, expected_TBLO)
    assert update_TBLO.any()
    assert not adapter.exact_start


def test_what_was_taken_from_the_weight_stays_when_the_experts_move():
    adapter, x_TBLD = make(), tokens(width_in=20)
    taken_OD = adapter.scale / 4 * adapter.up_OP.data @ adapter.down_RD.data
    trained(adapter).up_OP.data.zero_()
    torch.testing.assert_close(adapter(x_TBLD)[0], -x_TBLD @ taken_OD.mT)
    assert {name for name, _ in adapter.named_parameters()} == {"down_RD", "up_OP", "router_ED"}
    assert {"start_down_RD", "start_up_OR"} < adapter.state_dict().keys()


def test_the_frozen_weight_is_left_alone():
    site = make_site(width_in=20, width_out=24, weight_OD=weight())
    shipped("goat")(site=site)
    assert torch.equal(site.weight_OD, weight())


def test_a_site_without_a_weight():
    with pytest.raises(UserError, match="the site 'ffn' has none; choose linear layers"):
        shipped("goat")(site=make_site("ffn"))


@pytest.mark.parametrize(("rank", "num_experts"), [(6, 4), (1, 21)])
def test_more_ranks_than_a_segment_has(rank, num_experts):
    message = rf"model\.adapter\.rank={rank}: {num_experts} segments of the 20 singular values"
    with pytest.raises(UserError, match=message):
        make(rank, num_experts)


@pytest.mark.parametrize("name", ["rho", "eta"])
def test_numbers_that_are_not_positive(name):
    with pytest.raises(UserError, match=rf"{name}=0\.0 does not fit; it takes float above 0\."):
        check_value(hints_of(GOAT)[name], 0.0, f"model.adapter.{name}")


def test_a_network_with_it_learns_from_the_first_step():
    network = tiny_network(shipped("goat"))
    for name, gradient in gradients(network).items():
        if ".adapters." in name:
            assert gradient.any(), name
