"""The adapter against the paper's equations as slow loops. T tasks, B images, L tokens, D width."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mtl_ase.model.adapters import RoutedExperts
from tests.model.adapters.sites import make_site
from tests.model.oracle import RULES, expert_sum, smallest_gap

SETTINGS = ["16/3/1/4", "8/2/2/2", "5/5/0/1", "6/1/0/3", "7/3/4/1", "2/1/1/2", "1/1/0/1"]
ALPHA_PER_RANK = 2.0


def make_adapter(gate, setting, tasks, width):
    """An adapter of a setting N/k/S/r with all parameters random, in evaluation mode."""
    num_experts, top_k, num_shared, rank = map(int, setting.split("/"))
    site = make_site("ffn", tasks, width, width)
    adapter = RoutedExperts(site, gate, num_experts, top_k, num_shared, rank, ALPHA_PER_RANK)
    for parameter in adapter.parameters():
        torch.nn.init.normal_(parameter, std=width**-0.5)
    return adapter.eval()


def layer_and_loop(adapter, x_TBLD, direction_TBLD):
    """Output and gradients by name (of every parameter and of x), by the layer and by the loop."""
    found = {}
    for name, dtype in (("layer", torch.float32), ("loop", torch.float64)):
        x = x_TBLD.to(dtype).requires_grad_()
        weights = dict(adapter.named_parameters())
        if name == "layer":
            y, _ = adapter(x)
        else:
            weights = {key: w.detach().to(dtype).requires_grad_() for key, w in weights.items()}
            gate = adapter.gate
            alpha = ALPHA_PER_RANK * len(adapter.down_RD) / gate.num_experts
            y = expert_sum(x, weights, RULES[type(gate)], gate.top_k, gate.num_shared, alpha)
        leaves = {"x": x, **weights}
        gradients = torch.autograd.grad(
            y, list(leaves.values()), direction_TBLD.to(dtype), allow_unused=True
        )
        found[name] = {"y": y.detach()} | dict(zip(leaves, gradients, strict=True))
    return found["layer"], found["loop"]


def agree(layer, loop):
    assert layer.keys() == loop.keys()
    for name, value in layer.items():
        if loop[name] is None:  # the noise in evaluation; a gate whose weights are all constant
            assert value is None or not value.any(), name
        else:
            torch.testing.assert_close(
                value.double(), loop[name], rtol=1e-5, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}"
            )


def make_case(gate, setting, tasks, images, tokens, width, seed):
    """Adapter, input and a direction for the gradient; whether no choice of experts is close."""
    torch.manual_seed(seed)
    adapter = make_adapter(gate, setting, tasks, width)
    x_TBLD, direction_TBLD = torch.randn(2, tasks, images, tokens, width)
    clear = smallest_gap(x_TBLD, adapter.router.logits_TDE.detach()) > 1e-5
    return (adapter, x_TBLD, direction_TBLD), clear


def allowed(gate, setting):
    return gate.shared_allowed or int(setting.split("/")[2]) == 0


@pytest.mark.parametrize(
    ("gate", "setting"), [(g, s) for g in RULES for s in SETTINGS if allowed(g, s)]
)
def test_layer_equals_loop(gate, setting):
    case, clear = make_case(gate, setting, tasks=2, images=2, tokens=3, width=8, seed=0)
    assert clear
    agree(*layer_and_loop(*case))


@pytest.mark.parametrize("gate", RULES)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(data=st.data())
def test_layer_equals_loop_in_any_shape(gate, data):
    num_shared = data.draw(st.integers(0, 3)) if gate.shared_allowed else 0
    num_sparse = data.draw(st.integers(1, 5))
    top_k = data.draw(st.integers(1, num_sparse))
    setting = f"{num_sparse + num_shared}/{top_k}/{num_shared}/{data.draw(st.integers(1, 3))}"
    shape = [data.draw(st.integers(1, 3)) for _ in range(3)]
    width, seed = data.draw(st.integers(1, 9)), data.draw(st.integers(0, 999))
    case, clear = make_case(gate, setting, *shape, width, seed)
    assume(clear)
    agree(*layer_and_loop(*case))


def test_a_wrong_loop_is_noticed():
    """The comparison can fail: another gate's rule gives other numbers."""
    torch.manual_seed(0)
    gates = list(RULES)
    adapter = make_adapter(gates[0], "6/2/0/2", tasks=1, width=8)
    x_TBLD, direction_TBLD = torch.randn(2, 1, 1, 4, 8)
    layer, _ = layer_and_loop(adapter, x_TBLD, direction_TBLD)
    adapter.gate = gates[-1](6, 2, 0)
    _, loop = layer_and_loop(adapter, x_TBLD, direction_TBLD)
    with pytest.raises(AssertionError):
        agree(layer, loop)
