"""SMoRA. E experts, which are ranks or blocks of them."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.model.adapters import smora
from tests.model.adapters.networks import gradients, shipped, tiny_network, tokens, trained
from tests.model.adapters.sites import make_site


def test_all_ranks_with_an_undecided_router_are_lora():
    adapter = trained(shipped("smora", rank=6, top_k=6)(site=make_site()))
    adapter.router_ED.data.zero_()
    expected_TBLO = 16 / 6 * tokens() @ adapter.down_RD.mT @ adapter.up_OP.mT
    torch.testing.assert_close(adapter(tokens())[0], expected_TBLO)


@pytest.mark.parametrize("partition", [1, 2, 4, 8])
def test_every_token_uses_k_ranks_whose_gates_sum_to_k(partition):
    adapter = trained(shipped("smora", rank_partition=partition)(site=make_site()))
    gate_TBLR = adapter(tokens())[1].gate_TBLE.repeat_interleave(partition, -1)
    assert gate_TBLR.shape[-1] == 64
    assert ((gate_TBLR > 0).sum(-1) == 8).all()
    torch.testing.assert_close(gate_TBLR.sum(-1), torch.full((3, 2, 7), 8.0, dtype=torch.float64))


def test_blocks_equal_single_ranks_with_the_router_s_rows_repeated():
    blocks = trained(shipped("smora", rank=8, top_k=8, rank_partition=4)(site=make_site()))
    single = shipped("smora", rank=8, top_k=8)(site=make_site()).double().eval()
    single.load_state_dict(
        {
            "down_RD": blocks.down_RD,
            "up_OP": blocks.up_OP,
            "router_ED": blocks.router_ED.repeat_interleave(4, 0),
            "bias_E": blocks.bias_E.repeat_interleave(4),
        }
    )
    torch.testing.assert_close(blocks(tokens())[0], single(tokens())[0])


def test_the_bias_chooses_and_weighs():
    adapter = trained(shipped("smora", rank=4, top_k=1)(site=make_site()))
    adapter.bias_E[2] = 1.0
    chosen = adapter(tokens())[1].gate_TBLE
    assert torch.equal(chosen, torch.tensor([0.0, 0.0, 1.0, 0.0]).double().expand_as(chosen))


def test_a_step_raises_the_bias_of_ranks_that_few_tokens_chose():
    adapter = trained(shipped("smora", rank=4, top_k=2, bias_rate=0.5)(site=make_site()))
    gate_TBLE = torch.tensor([[1.0, 1, 0, 0], [2, 0, 0.1, 0], [1, 0, 1, 0]])[None, None]
    adapter.after_step(adapter.routing(gate_TBLE, gate_TBLE))  # 3, 1, 2, 0 tokens; 1.5 on average
    assert adapter.bias_E.tolist() == [-0.5, 0.5, -0.5, 0.5]
    adapter.after_step(adapter.routing(gate_TBLE, gate_TBLE))
    assert adapter.bias_E.tolist() == [-1.0, 1.0, -1.0, 1.0]


def test_ranks_that_all_tokens_use_alike_keep_their_bias():
    adapter = shipped("smora", rank=4, top_k=4)(site=make_site())
    adapter.after_step(adapter(tokens().float())[1])
    assert not adapter.bias_E.any()


def test_a_step_counts_the_tokens_of_all_processes(monkeypatch):
    adapter = shipped("smora", rank=2, top_k=1, bias_rate=0.5)(site=make_site())
    gate_TBLE = torch.tensor([[1.0, 0], [1, 0]])[None, None]
    monkeypatch.setattr(smora.distributed, "is_initialized", lambda: True)
    other_E = torch.tensor([0.0, 5.0], dtype=torch.float64)
    monkeypatch.setattr(smora.distributed, "all_reduce", lambda count_E: count_E.add_(other_E))
    adapter.after_step(adapter.routing(gate_TBLE, gate_TBLE))
    assert adapter.bias_E.tolist() == [0.5, -0.5]


def test_steps_balance_the_ranks():
    adapter = shipped("smora", rank=8, top_k=2, bias_rate=5e-3)(site=make_site()).train()
    adapter.router_ED.data *= 4
    x_TBLD = tokens().float() + 1.0  # without a bias, all tokens prefer the same ranks

    def imbalance():
        return float(adapter(x_TBLD)[1].load_TE().mean(0).std())

    before = imbalance()
    for _ in range(300):
        adapter.after_step(adapter(x_TBLD)[1])
    assert imbalance() < 0.5 * before


def test_passes_and_their_recomputation_leave_the_bias_alone():
    plain = gradients(tiny_network(shipped("smora")).train())
    network = tiny_network(shipped("smora"), activation_checkpointing=True).train()
    again = gradients(network)
    assert all(torch.equal(plain[name], again[name]) for name in plain)
    assert not any(adapter.bias_E.any() for adapter in network.encoder.adapters())


@pytest.mark.parametrize("partition", [3, 16])
def test_blocks_that_do_not_divide_the_ranks(partition):
    with pytest.raises(UserError, match=rf"rank_partition={partition} does not divide both"):
        shipped("smora", rank_partition=partition)(site=make_site())


def test_more_ranks_of_a_token_than_there_are():
    with pytest.raises(UserError, match="does not fit the 64 experts of SMoRA"):
        shipped("smora", top_k=65)(site=make_site())
