"""C-LoRAE. T tasks."""

from __future__ import annotations

import pytest
import torch

from tests.model.adapters.networks import images, shipped, tiny_network, tokens, trained
from tests.model.adapters.sites import make_site


@pytest.mark.parametrize(("num_tasks", "rank"), [(1, 16), (3, 5), (4, 4), (5, 3), (20, 1)])
def test_the_tasks_share_the_rank(num_tasks, rank):
    adapter = shipped("c_lorae")(site=make_site(num_tasks=num_tasks))
    assert adapter.private_down_TKD.shape == (num_tasks, rank, 8)
    assert adapter.private_up_TOJ.shape == (num_tasks, 12, rank)


def test_an_undecided_gate_halves_universal_and_own_update():
    adapter = trained(shipped("c_lorae")(site=make_site()))
    adapter.router_ED.data.zero_()
    x_TBLD = tokens()
    universal_OD = adapter.up_OP @ adapter.down_RD
    own_TOD = adapter.private_up_TOJ @ adapter.private_down_TKD
    matrix_TOD = 2 * (universal_OD + own_TOD) / 2
    expected_TBLO = torch.einsum("tbld,tod->tblo", x_TBLD, matrix_TOD)
    torch.testing.assert_close(adapter(x_TBLD)[0], expected_TBLO)


def test_experts_that_are_equal_are_lora_whatever_the_gate():
    adapter = trained(shipped("c_lorae")(site=make_site(num_tasks=1)))
    adapter.private_down_TKD.data = adapter.down_RD.data[None]
    adapter.private_up_TOJ.data = adapter.up_OP.data[None]
    x_TBLD = tokens(num_tasks=1)
    expected_TBLO = 2 * x_TBLD @ adapter.down_RD.mT @ adapter.up_OP.mT
    torch.testing.assert_close(adapter(x_TBLD)[0], expected_TBLO)


def test_own_experts_start_in_the_range_of_the_universal_one():
    adapter = shipped("c_lorae")(site=make_site(num_tasks=8, width_in=400))
    for value in (adapter.down_RD, adapter.private_down_TKD):
        assert 0.9 / 20 < value.abs().max() <= 1 / 20
    assert not adapter.private_up_TOJ.any()


def test_a_network_with_it_runs_at_all_linear_layers():
    prediction = tiny_network(shipped("c_lorae"))(images())
    assert [routing.site for routing in prediction.routing] == 2 * ["qkv", "proj", "fc1", "fc2"]
    assert all(routing.gate_TBLE.shape == (3, 2, 17, 2) for routing in prediction.routing)
