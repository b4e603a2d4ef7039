"""What every gate keeps to. T tasks, B images, L tokens, E experts (sparse ones first)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_ase.base.errors import UserError
from mtl_ase.model.adapters import AdaptiveShared, NaiveShared, RenormalisedTopK, SoftmaxTopK

GATES = [SoftmaxTopK, NaiveShared, AdaptiveShared, RenormalisedTopK]
SUM_ONE = [AdaptiveShared, RenormalisedTopK]
SUM_BELOW_ONE = [SoftmaxTopK, NaiveShared]
WITH_SHARED = [NaiveShared, AdaptiveShared]
WITHOUT_SHARED = [SoftmaxTopK, RenormalisedTopK]
every_gate = pytest.mark.parametrize("kind", GATES)
some = settings(max_examples=25, deadline=None, derandomize=True)


@st.composite
def cases(draw, kind):
    """A gate of random counts and logits; few distinct values, so that many tie."""
    num_shared = draw(st.integers(0, 3)) if kind.shared_allowed else 0
    num_sparse = draw(st.integers(1, 6))
    gate = kind(num_sparse + num_shared, draw(st.integers(1, num_sparse)), num_shared)
    torch.manual_seed(draw(st.integers(0, 999)))
    logits_TBLE = torch.randn(2, 2, 3, gate.num_logits)
    return gate, logits_TBLE.round() if draw(st.booleans()) else logits_TBLE


@every_gate
@some
@given(data=st.data())
def test_exactly_k_sparse_and_all_shared_experts_are_active(kind, data):
    gate, logits_TBLE = data.draw(cases(kind))
    gate_TBLE = gate(logits_TBLE)
    assert gate_TBLE.shape == (*logits_TBLE.shape[:-1], gate.num_experts)
    assert ((gate_TBLE >= 0) & (gate_TBLE <= 1)).all()
    active_TBLE = gate_TBLE > 0
    assert (active_TBLE[..., : gate.num_sparse].sum(-1) == gate.top_k).all()
    assert active_TBLE[..., gate.num_sparse :].all()


@every_gate
def test_all_logits_equal(kind):
    gate_E = kind(8, 3, 0)(torch.zeros(1, 1, 1, 8))[0, 0, 0]
    assert (gate_E > 0).sum() == 3
    weight = 1 / 3 if kind in SUM_ONE else 1 / 8
    assert gate_E[gate_E > 0].tolist() == pytest.approx([weight] * 3)


@every_gate
@some
@given(data=st.data())
def test_the_largest_are_selected(kind, data):
    gate, logits_TBLE = data.draw(cases(kind))
    sparse_TBLE = logits_TBLE[..., : gate.num_sparse]
    active_TBLE = gate(logits_TBLE)[..., : gate.num_sparse] > 0
    least_TBL = sparse_TBLE.masked_fill(~active_TBLE, torch.inf).amin(-1)
    greatest_TBL = sparse_TBLE.masked_fill(active_TBLE, -torch.inf).amax(-1)
    assert (least_TBL >= greatest_TBL).all()


@pytest.mark.parametrize("kind", SUM_ONE)
@some
@given(data=st.data())
def test_weights_sum_to_one(kind, data):
    gate, logits_TBLE = data.draw(cases(kind))
    sums_TBL = gate(10 * logits_TBLE).sum(-1)
    torch.testing.assert_close(sums_TBL, torch.ones_like(sums_TBL))


@pytest.mark.parametrize("kind", SUM_BELOW_ONE)
@some
@given(data=st.data())
def test_the_baseline_keeps_the_softmax_as_it_is(kind, data):
    gate, logits_TBLE = data.draw(cases(kind))
    sparse_TBLE = gate(logits_TBLE)[..., : gate.num_sparse]
    softmax_TBLE = logits_TBLE.softmax(-1)
    kept_TBLE = sparse_TBLE > 0
    assert torch.equal(sparse_TBLE[kept_TBLE], softmax_TBLE[kept_TBLE])
    if gate.top_k < gate.num_sparse:
        assert (sparse_TBLE.sum(-1) < 1).all()
    else:
        torch.testing.assert_close(sparse_TBLE.sum(-1), torch.ones(2, 2, 3))


@some
@given(data=st.data())
def test_naive_shared_weights_are_exactly_one(data):
    gate, logits_TBLE = data.draw(cases(NaiveShared))
    assert (gate(logits_TBLE)[..., gate.num_sparse :] == 1).all()


def test_only_the_adaptive_gate_asks_the_router_about_shared_experts():
    assert AdaptiveShared(8, 2, 3).num_logits == 8
    assert NaiveShared(8, 2, 3).num_logits == 5


def test_an_adaptive_shared_weight_follows_its_logit():
    gate = AdaptiveShared(5, 2, 1)
    low, high = (gate(torch.tensor([[[[0.0, 1, 2, 3, z]]]]))[..., -1].item() for z in (-2.0, 5.0))
    assert 0 < low < 0.1
    assert 0.8 < high < 1


@every_gate
@some
@given(data=st.data())
def test_permuted_sparse_experts_permute_the_gate(kind, data):
    gate, logits_TBLE = data.draw(cases(kind))
    logits_TBLE = logits_TBLE + torch.rand(gate.num_logits)  # no ties: which one wins is free
    order = data.draw(st.permutations(range(gate.num_sparse)))
    permuted_TBLE = logits_TBLE.clone()
    permuted_TBLE[..., : gate.num_sparse] = logits_TBLE[..., order]
    expected_TBLE = gate(logits_TBLE)
    expected_TBLE[..., : gate.num_sparse] = expected_TBLE[..., order]
    torch.testing.assert_close(gate(permuted_TBLE), expected_TBLE)


@pytest.mark.parametrize("kind", SUM_ONE)
def test_without_shared_experts_ase_is_the_control(kind):
    logits_TBLE = torch.randn(2, 2, 3, 7)
    assert torch.equal(kind(7, 3, 0)(logits_TBLE), AdaptiveShared(7, 3, 0)(logits_TBLE))


@every_gate
@pytest.mark.parametrize("scale", [1e-30, 1e3])
def test_extreme_logits_stay_finite_in_value_and_gradient(kind, scale):
    gate = kind(6, 2, 1 if kind in WITH_SHARED else 0)
    logits_TBLE = (scale * torch.randn(1, 1, 5, gate.num_logits)).requires_grad_()
    gate_TBLE = gate(logits_TBLE)
    gate_TBLE.square().sum().backward()
    assert gate_TBLE.isfinite().all()
    assert logits_TBLE.grad.isfinite().all()


@every_gate
@pytest.mark.parametrize("top_k", [0, -1, 9])
def test_top_k_out_of_range(kind, top_k):
    with pytest.raises(UserError, match=r"model\.adapter\.top_k"):
        kind(8, top_k, 0)


@pytest.mark.parametrize("kind", WITH_SHARED)
def test_top_k_counts_sparse_experts_only(kind):
    kind(8, 6, 2)
    with pytest.raises(UserError, match=r"model\.adapter\.top_k"):
        kind(8, 7, 2)


@every_gate
@pytest.mark.parametrize("num_shared", [-1, 8, 9])
def test_num_shared_out_of_range(kind, num_shared):
    with pytest.raises(UserError, match=r"model\.adapter\.num_shared"):
        kind(8, 1, num_shared)


@pytest.mark.parametrize("kind", WITHOUT_SHARED)
def test_shared_experts_in_a_gate_that_has_none(kind):
    with pytest.raises(UserError, match=rf"model\.adapter\.num_shared=1.*{kind.__name__}"):
        kind(8, 3, 1)


def test_a_gate_prints_its_counts():
    assert repr(AdaptiveShared(16, 3, 1)) == "AdaptiveShared(16/3/1)"
