"""What must hold for every adapter at every site: functions of a `Case`, listed in `PROPERTIES`.

T tasks, B images, L tokens, D width in, O width out, E experts.
"""

from __future__ import annotations

import copy
import re

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import mse_loss

from mtl_ase.base.errors import UserError
from mtl_ase.model.encoders.task_passes import run_by_task
from mtl_ase.model.routing import as_list
from tests.model.adapters.cases import NUM_PREFIX, B, L, T

PROPERTIES = []


def prop(check):
    """Add a function to the list."""
    PROPERTIES.append(check)
    return check


def close(actual, expected, tolerance, scale=None):
    """Assert that the largest difference is small beside the largest value, or `scale`."""
    actual, expected = actual.detach(), expected.detach()
    scale = float(expected.abs().max()) if scale is None else scale
    assert actual.shape == expected.shape
    assert float((actual - expected).abs().max()) <= tolerance * max(scale, 1e-12)


def one_sentence(error):
    """Assert that an error's message is a single sentence."""
    message = str(getattr(error, "value", error))
    assert message.endswith(".")
    assert not re.search(r"\n|\.\s+[A-Z]", message), message


def named_gradients(adapter, x_TBLD, update_TBLO, direction_TBLO):
    """Gradients of <update, direction> by name of the parameter, and "x"; zeros if unused."""
    inputs = {"x": x_TBLD} | {n: p for n, p in adapter.named_parameters() if p.requires_grad}
    found = torch.autograd.grad(
        (update_TBLO * direction_TBLO).sum(), list(inputs.values()), allow_unused=True
    )
    return {
        name: torch.zeros_like(value) if gradient is None else gradient
        for (name, value), gradient in zip(inputs.items(), found, strict=True)
    }


def values_and_gradients(case, adapter, function, dtype):
    """Update and its gradients along a fixed direction, of one image: loops take their time."""
    x_TBLD = case.input(dtype)[:, :1].requires_grad_()
    update_TBLO = function(x_TBLD)
    generator = torch.Generator().manual_seed(4)
    direction_TBLO = torch.randn(update_TBLO.shape, generator=generator, dtype=torch.float64)
    gradients = named_gradients(adapter, x_TBLD, update_TBLO, direction_TBLO.to(dtype))
    return update_TBLO.detach(), gradients


def agree(actual, expected, tolerance):
    """Assert that updates and all gradients are close; tiny gradients beside the largest."""
    close(actual[0], expected[0], tolerance)
    largest = max(float(gradient.abs().max()) for gradient in expected[1].values())
    for name, gradient in expected[1].items():
        scale = max(float(gradient.abs().max()), 1e-3 * largest)
        close(actual[1][name].double(), gradient, tolerance, scale)


@prop
def adds_nothing_at_the_start(case):
    adapter = case.fresh()
    for mode in (True, False):
        update_TBLO, _ = adapter.train(mode)(case.input())
        assert update_TBLO.shape[1:] == (B, L, case.place().width_out)
        assert update_TBLO.shape[0] in {1, T}
        assert update_TBLO.isfinite().all()
        if getattr(adapter, "exact_start", True):
            assert not update_TBLO.any()


@prop
def equals_its_loops_in_float64_and_itself_in_float32(case):
    if case.oracle is None:
        pytest.skip("it has no oracle")
    adapter = case.trained()
    product = values_and_gradients(case, adapter, lambda x: adapter(x)[0], torch.float64)
    loops = values_and_gradients(
        case, adapter, lambda x: case.oracle.update(adapter, x), torch.float64
    )
    assert product[0].dtype == torch.float64
    assert product[0].any()
    agree(product, loops, 1e-9)
    single = case.trained(torch.float32)
    in_single = values_and_gradients(case, single, lambda x: single(x)[0], torch.float32)
    assert in_single[0].dtype == torch.float32
    agree(in_single, product, 1e-5)


@prop
def has_as_many_parameters_as_the_formula_says(case):
    if case.count is None:
        pytest.skip("the formula is another config's")
    adapter, expected = case.fresh(), case.count(case.place())
    trained = sum(value.numel() for value in adapter.parameters() if value.requires_grad)
    assert abs(trained - expected) <= 0.1 * expected


@prop
def names_its_own_parameters(case):
    adapter = case.fresh()
    own = set(adapter.parameters())
    for named in (adapter.routers(), adapter.private(), adapter.embeddings()):
        assert set(named) <= own
        assert len(set(named)) == len(named)
    assert all(value.shape[0] == T for value in adapter.private())
    assert adapter.component in {"experts", "lora"}


@prop
def keeps_private_parameters_from_other_tasks(case):
    adapter = case.trained().train()
    x_TBLD = case.input()
    private, shared_too = set(adapter.private()), []
    used = []
    for task in range(T):
        update_TBLO, _ = adapter(x_TBLD)
        if update_TBLO.shape[0] == 1:
            assert not private
            return
        adapter.zero_grad()
        (update_TBLO[task] * torch.randn_like(update_TBLO[task])).sum().backward()
        others = [other for other in range(T) if other != task]
        for value in adapter.parameters():
            if value.shape[:1] != (T,) or value.grad is None:
                continue
            if value in private:
                assert not value.grad[others].any()
                used.append(bool(value.grad[task].any()))
            else:
                shared_too.append(bool(value.grad[others].any()))
    assert any(used) == bool(private)
    assert all(shared_too), "a parameter of one task alone is not among private()"


@prop
def every_parameter_learns_within_two_steps(case):
    adapter = case.fresh(dtype=torch.float32).train()
    trained = {n: p for n, p in adapter.named_parameters() if p.requires_grad}
    optimizer = torch.optim.SGD(trained.values(), lr=0.1)
    learnt = set()
    for step in range(2):
        update_TBLO, _ = adapter(case.input(torch.float32, seed=step))
        target_TBLO = torch.randn(T, *update_TBLO.shape[1:])
        losses = [mse_loss(update_TBLO.expand_as(target_TBLO)[t], target_TBLO[t]) for t in range(T)]
        optimizer.zero_grad()
        sum(losses).backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in trained.values())
        learnt |= {n for n, p in trained.items() if p.grad is not None and p.grad.any()}
        optimizer.step()
    assert learnt == set(trained)


@prop
def comes_back_from_its_state_bit_for_bit(case):
    adapter, other = case.trained(torch.float32), case.fresh(seed=1, dtype=torch.float32).eval()
    x_TBLD = case.input(torch.float32)
    expected_TBLO, _ = adapter(x_TBLD)
    other.load_state_dict(copy.deepcopy(adapter.state_dict()), strict=True)
    assert torch.equal(other(x_TBLD)[0], expected_TBLO)


@prop
def keeps_no_state_between_evaluations(case):
    adapter = case.trained()
    before = copy.deepcopy(adapter.state_dict())
    first_TBLO, _ = adapter(case.input())
    assert torch.equal(adapter(case.input())[0], first_TBLO)
    assert all(torch.equal(value, before[key]) for key, value in adapter.state_dict().items())


@prop
def sees_every_image_alone(case):
    adapter, x_TBLD = case.trained(), case.input()
    update_TBLO, _ = adapter(x_TBLD)
    close(adapter(x_TBLD.flip(1))[0], update_TBLO.flip(1), 1e-10)
    close(adapter(x_TBLD[:, :1])[0], update_TBLO[:, :1], 1e-10)


@prop
def mixes_tokens_only_if_it_says_so(case):
    adapter, x_TBLD = case.trained(), case.input()
    update_TBLO, _ = adapter(x_TBLD)
    if adapter.mixes_tokens:
        changed_TBLD = x_TBLD.clone()
        changed_TBLD[:, :, -1] += 1
        assert not torch.equal(adapter(changed_TBLD)[0][:, :, :-1], update_TBLO[:, :, :-1])
    else:
        order_L = torch.arange(L)
        order_L[NUM_PREFIX:] = NUM_PREFIX + torch.randperm(L - NUM_PREFIX)
        close(adapter(x_TBLD[:, :, order_L])[0], update_TBLO[:, :, order_L], 1e-10)


@prop
def knows_tasks_only_if_it_says_so(case):
    adapter, x_TBLD = case.trained(), case.input(alike=True)
    update_TBLO, _ = adapter(x_TBLD)
    if adapter.knows_tasks:
        assert not torch.allclose(update_TBLO[0], update_TBLO[1])
    else:
        assert not adapter.private()
        close(update_TBLO, update_TBLO[:1].expand_as(update_TBLO), 1e-12)
        close(adapter(x_TBLD[:1])[0], update_TBLO[:1], 1e-12)


@prop
def takes_a_weight_of_each_task_if_it_says_so(case):
    adapter, x_TBLD = case.trained(), case.input()
    if not adapter.takes_task_axis:
        pytest.skip("it is run by vmap")
    private = {n: p for n, p in adapter.named_parameters() if p in set(adapter.private())}
    by_task = {
        name: value + torch.randn(T, *value.shape, dtype=value.dtype)
        for name, value in adapter.named_parameters()
        if name not in private
    }
    assert by_task
    expected_TBLO, expected = run_by_task(adapter, by_task, private, x_TBLD)
    update_TBLO, routing = functional_call(adapter, by_task, (x_TBLD,))
    close(update_TBLO, expected_TBLO, 1e-10)
    for ours, theirs in zip(as_list(routing), expected, strict=True):
        close(ours.gate_TBLE, theirs.gate_TBLE, 1e-10)


@prop
def merges_if_its_update_is_a_matrix_and_refuses_if_not(case):
    adapter, x_TBLD = case.trained(), case.input()
    width_out, width_in = case.place().width_out, x_TBLD.shape[-1]
    update_TBLO = adapter(x_TBLD)[0].expand(T, -1, -1, -1)
    for task in range(T):
        linear = nn.Linear(width_in, width_out, dtype=torch.float64)
        unmerged_BLO = linear(x_TBLD[task]) + update_TBLO[task]
        if adapter.delta_weight(task) is None or case.site == "ffn":
            weight_OD = linear.weight.clone()
            with pytest.raises(UserError, match="can't be merged") as error:
                adapter.merge(task, None if case.site == "ffn" else linear)
            one_sentence(error)
            assert torch.equal(linear.weight, weight_OD)
        else:
            adapter.merge(task, linear)
            close(linear(x_TBLD[task]), unmerged_BLO, 1e-10)


@prop
def runs_under_autocast(case):
    adapter = case.trained(torch.float32)
    x_TBLD = case.input(torch.float32).requires_grad_()
    expected_TBLO, expected = adapter(x_TBLD)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        update_TBLO, routing = adapter(x_TBLD)
    update_TBLO.float().square().mean().backward()
    assert x_TBLD.grad.isfinite().all()
    same_TBL = torch.ones(update_TBLO.shape[:3], dtype=torch.bool)
    if routing is not None:
        assert routing.logits_TBLE.dtype == torch.float32
        chosen, before = (r.gate_TBLE > 0 for r in (routing, expected))
        same_TBL &= (chosen == before).all(-1)  # two logits that round to the same: either is right
    assert same_TBL.float().mean() > 0.5
    close(update_TBLO.float()[same_TBL], expected_TBLO[same_TBL], 5e-2)


@prop
def routes_in_the_declared_shapes(case):
    for mode in (True, False):
        adapter = case.trained().train(mode)
        _, routing = adapter(case.input())
        if routing is None:
            return
        assert (routing.layer, routing.site) == (case.place().layer, case.site)
        for decided in (routing.logits_TBLE, routing.gate_TBLE):
            assert all(
                size in {1, full} for size, full in zip(decided.shape, (T, B, L), strict=False)
            )
            assert decided.dim() == 4
            assert decided.isfinite().all()
        assert routing.logits_TBLE.shape[-1] <= routing.gate_TBLE.shape[-1]
        assert routing.logits_TBLE.requires_grad
        assert not routing.gate_TBLE.requires_grad
        assert (routing.gate_TBLE >= 0).all()
        prob_TE = routing.prob_TE()
        close(prob_TE.sum(-1), torch.ones_like(prob_TE[:, 0]), 1e-10)
        assert routing.gate_TE().shape == routing.load_TE().shape
