"""What SAME keeps of earlier stages, and what follows. T tasks, E experts, D width in."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.model.adapters.subspace import interference
from tests.model.adapters.networks import images, shipped, tiny_network, tokens, trained
from tests.model.adapters.sites import make_site


def begun(**changes):
    """An adapter in float64 whose experts are trained, and its memory."""
    adapter = trained(shipped("same", **changes)(site=make_site()))
    memory = adapter.begin_stages()
    return adapter, memory.double()


def past(memory, seed=5):
    """Let a first stage of tokens with uneven variance end."""
    scale_D = torch.tensor([4.0, 3.0, 2.0, 1.0, 0.5, 0.4, 0.3, 0.2])
    x_TBLD = tokens(seed=seed) * scale_D
    memory.observe(x_TBLD, (0,), later=False)
    memory.end_stage()
    return x_TBLD[0].flatten(0, 1)


def test_the_covariance_is_the_papers_running_mean():
    _, memory = begun()
    parts = [tokens(seed=seed) for seed in range(4)]
    for number, x_TBLD in enumerate(parts):
        memory.observe(x_TBLD, (number % 3,), later=False)
        if number == 1:
            memory.end_stage()
    alpha, C_DD = 0, torch.zeros(8, 8, dtype=torch.float64)
    for stage in (0, 1):
        seen = [parts[n][n % 3].flatten(0, 1) for n in (2 * stage, 2 * stage + 1)]
        x_ND = torch.cat(seen)
        now_DD, n = x_ND.mT @ x_ND / len(x_ND), len(x_ND)
        C_DD, alpha = (alpha * C_DD + n * now_DD) / (alpha + n), alpha + n
    torch.testing.assert_close(memory.covariance_DD, C_DD)
    assert memory.counts_2.tolist() == [56, 28]


def test_use_and_importance_are_means_of_the_routers_weights():
    adapter, memory = begun()
    x_ND = past(memory)
    weight_NE = (x_ND @ adapter.router_ED.mT).softmax(-1)
    expected_E = (weight_NE * x_ND.square().sum(-1, keepdim=True)).mean(0)
    torch.testing.assert_close(memory.past_importance_E, expected_E)
    assert not memory.utilisation_E.any()
    memory.observe(tokens(), (1, 2), later=False)
    weight_TBLE = (tokens()[1:] @ adapter.router_ED.mT).softmax(-1)
    torch.testing.assert_close(memory.utilisation_E, weight_TBLE.mean((0, 1, 2)))


def test_frozen_are_the_experts_of_low_score_but_never_the_best():
    _, memory = begun(tau=0.1)
    memory.utilisation_E.copy_(torch.tensor([0.1, 0.2, 0.3, 0.0, 0.1, 0.1, 0.1, 0.1]))
    memory.past_importance_E.copy_(torch.tensor([5.0, 1.0, 9.0, 1.0, 1.0, 1.0, 1.0, 1.0]))
    score = [1 / 3 - 0.5, 2 / 3, 0.0, 0.0, 1 / 3, 1 / 3, 1 / 3, 1 / 3]
    assert memory.frozen().tolist() == [value < 0.1 for value in score]
    memory.tau = 2.0
    assert memory.frozen().tolist() == [number != 1 for number in range(8)]


def test_a_frozen_expert_has_no_weight_and_no_gradient_in_its_stages_passes():
    adapter, memory = begun(tau=0.1)
    past(memory)
    memory.observe(tokens(), (1,), later=True)
    frozen_E = memory.frozen_TE[1].bool()
    assert 0 < frozen_E.sum() < 8
    assert not memory.frozen_TE[[0, 2]].any()
    update_TBLO, routing = adapter(tokens())
    assert not routing.gate_TBLE[1][..., frozen_E].any()
    torch.testing.assert_close(routing.gate_TBLE.sum(-1), torch.ones(3, 2, 7).double())
    assert (routing.gate_TBLE[[0, 2]] > 0).all()
    update_TBLO[1].square().sum().backward()
    for gradient_ERX in (
        adapter.down_RD.grad.unflatten(0, (8, 8)),
        adapter.up_OP.grad.mT.unflatten(0, (8, 8)),
    ):
        assert not gradient_ERX[frozen_E].any()
        assert gradient_ERX[~frozen_E].flatten(1).any(1).all()
    for weight, mask in memory.kept((1,)):
        assert not weight.grad[mask.expand_as(weight)].any()
        assert mask.any()


def test_gradients_are_shaped_as_the_paper_says():
    adapter, memory = begun(delta=0.9, mu=0.5, router_floor=0.3)
    x_ND = past(memory)
    adapter(tokens())[0].square().sum().backward()
    router_ED, down_RD = adapter.router_ED.grad.clone(), adapter.down_RD.grad.clone()
    up_OP = adapter.up_OP.grad.clone()
    memory.shape_gradients()
    values_D, V_DD = torch.linalg.eigh(x_ND.mT @ x_ND / len(x_ND))
    energy_D = values_D.flip(0).square()
    k = int((energy_D.cumsum(0) / energy_D.sum() < 0.9).sum()) + 1
    V_Dk, value_k = V_DD[:, -k:], values_D[-k:]
    perp_DD = torch.eye(8).double() - V_Dk @ V_Dk.mT
    inverse_DD = V_Dk @ torch.diag(1 / (value_k + 0.5)) @ V_Dk.mT + perp_DD / 0.5
    for before, after in zip(down_RD.split(8), adapter.down_RD.grad.split(8), strict=True):
        turned = before @ inverse_DD
        torch.testing.assert_close(after, turned * before.norm() / turned.norm())
    torch.testing.assert_close(adapter.router_ED.grad @ perp_DD, router_ED @ perp_DD)
    parallel = [gradient @ V_Dk[:, -1] for gradient in (router_ED, adapter.router_ED.grad)]
    assert parallel[0].norm() * 0.3 <= parallel[1].norm() < parallel[0].norm()
    torch.testing.assert_close(adapter.up_OP.grad, up_OP)


@pytest.mark.parametrize("step", [1e-3, 1e-1])
def test_a_step_along_the_shaped_gradient_changes_less_of_what_earlier_inputs_gave(step):
    """The degradation tr(dW C dW^T) of routers and experts, at the same norm of the step."""
    adapter, memory = begun(router_floor=0.0)
    x_ND = past(memory)
    adapter(tokens())[0].square().sum().backward()
    plain = [-step * weight.grad for weight in (adapter.router_ED, adapter.down_RD)]
    memory.shape_gradients()
    shaped = [-step * weight.grad for weight in (adapter.router_ED, adapter.down_RD)]
    C_DD = x_ND.mT @ x_ND / len(x_ND)
    for number, share in enumerate((0.8, 0.3)):
        assert interference(shaped[number], C_DD) < share * interference(plain[number], C_DD)
    torch.testing.assert_close(plain[1].norm(), shaped[1].norm())


def test_without_stages_the_adapter_keeps_nothing():
    adapter = shipped("same")(site=make_site())
    assert adapter.memory is None
    assert not list(adapter.buffers())
    assert not adapter.knows_tasks


def test_before_a_second_stage_the_network_gives_what_it_gave():
    network = tiny_network(shipped("same"), task_embedding=True).eval()
    before = network(images()).logits
    for adapter in network.encoder.adapters():
        adapter.begin_stages()
    for name, value in network(images()).logits.items():
        assert torch.equal(value, before[name])
