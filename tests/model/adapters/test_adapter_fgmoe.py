"""Fine-grained experts. T tasks, B images, L tokens, D width in, O width out, F hidden units."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import gelu, linear

from mtl_ase.base.errors import UserError
from mtl_ase.model.adapters import FGMoE
from tests.model.adapters.oracles import fgmoe as oracle
from tests.model.adapters.sites import make_site

T, B, L, D = 3, 2, 7, 8


def make(hidden=12, num_experts=4, top_k=2, shared_hidden=3, global_hidden=5):
    counts = (hidden, num_experts, top_k, shared_hidden, global_hidden)
    adapter = FGMoE(make_site(), *counts).double().eval()
    for value in adapter.parameters():
        torch.nn.init.normal_(value)
    return adapter


def draw():
    return torch.randn(T, B, L, D, dtype=torch.float64)


def plain_mlps(mlp, x_TBLD):
    """All hidden units of every task, unmasked."""
    return torch.stack(
        [linear(gelu(linear(x, mlp.down_TFD[t])), mlp.up_TOF[t]) for t, x in enumerate(x_TBLD)]
    )


@pytest.mark.parametrize("shared_hidden", [0, 3])
@pytest.mark.parametrize("global_hidden", [0, 5])
@pytest.mark.parametrize("top_k", [1, 2, 4])
def test_it_equals_its_loops(top_k, shared_hidden, global_hidden):
    adapter = make(top_k=top_k, shared_hidden=shared_hidden, global_hidden=global_hidden)
    x_TBLD = draw()
    torch.testing.assert_close(adapter(x_TBLD)[0], oracle.update(adapter, x_TBLD))


@pytest.mark.parametrize("shared_hidden", [0, 3])
def test_with_one_expert_and_no_global_one_it_is_a_plain_mlp(shared_hidden):
    adapter, x_TBLD = make(12, 1, 1, shared_hidden, 0), draw()
    torch.testing.assert_close(adapter(x_TBLD)[0], plain_mlps(adapter.mlp, x_TBLD))


def test_with_all_experts_weighted_alike_it_is_a_plain_mlp():
    adapter, x_TBLD = make(top_k=4, shared_hidden=0, global_hidden=0), draw()
    torch.nn.init.zeros_(adapter.mlp.router_TED)
    torch.testing.assert_close(4 * adapter(x_TBLD)[0], plain_mlps(adapter.mlp, x_TBLD))


def test_only_the_chosen_experts_hidden_units_are_used():
    adapter, x_TBLD = make(top_k=1), draw()[:, :1, :1]
    update_TBLO, routing = adapter(x_TBLD)
    update_TBLO.sum().backward()
    for t in range(T):
        chosen = int(routing.gate_TBLE[t, 0, 0, :4].argmax())
        used_F = adapter.mlp.down_TFD.grad[t].any(-1)
        assert used_F.nonzero().flatten().tolist() == [
            *range(3 * chosen, 3 * chosen + 3),
            12,
            13,
            14,
        ]


@pytest.mark.parametrize("task", range(T))
def test_the_global_expert_learns_from_every_task(task):
    adapter = make()
    adapter(draw())[0][task].sum().backward()
    assert adapter.mlp.global_down_GD.grad.any()
    assert adapter.mlp.global_up_OG.grad.any()
    assert adapter.mlp.gamma_TD.grad.any(-1).nonzero().flatten().tolist() == [task]


def test_the_gates_are_of_the_routed_then_the_shared_then_the_global_expert():
    _, routing = make()(draw())
    assert routing.logits_TBLE.shape == (T, B, L, 4)
    routed_TBLE, shared_TBLE, global_TBLE = routing.gate_TBLE.split([4, 1, 1], -1)
    torch.testing.assert_close(routed_TBLE.sum(-1), torch.ones(T, B, L, dtype=torch.float64))
    assert ((routed_TBLE > 0).sum(-1) == 2).all()
    assert (shared_TBLE == 1).all()
    assert ((global_TBLE > 0) & (global_TBLE < 1)).all()


@pytest.mark.parametrize("num_experts", [5, 0, -3])
def test_hidden_units_that_can_t_be_split_evenly_are_refused(num_experts):
    with pytest.raises(UserError, match=rf"hidden=12 units.*num_experts={num_experts}; choose"):
        make(num_experts=num_experts, top_k=1)


@pytest.mark.parametrize("top_k", [0, 5])
def test_a_top_k_that_does_not_fit_is_refused(top_k):
    with pytest.raises(
        UserError, match=rf"top_k={top_k} does not fit num_experts=4; choose 1 to 4"
    ):
        make(top_k=top_k)
