"""MTL-LoRA. T tasks, E up-projections, R S rank."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.config.value_types import check_value, hints_of
from mtl_ase.model.adapters import MTLLoRA
from tests.model.adapters.networks import images, shipped, tiny_network, tokens, trained
from tests.model.adapters.sites import make_site


def lora(adapter, up_OR, x_TBLD):
    """(alpha / r) B A x."""
    return adapter.scale * x_TBLD @ adapter.down_RD.mT @ up_OR.mT


def test_one_up_projection_and_the_initial_transformation_are_lora():
    adapter = shipped("mtl_lora", num_up=1)(site=make_site()).double().eval()
    torch.nn.init.normal_(adapter.up_OP)
    x_TBLD = tokens()
    torch.testing.assert_close(adapter(x_TBLD)[0], lora(adapter, adapter.up_OP, x_TBLD))


def test_a_high_temperature_averages_the_up_projections():
    adapter = shipped("mtl_lora", temperature=1e9)(site=make_site()).double().eval()
    torch.nn.init.normal_(adapter.up_OP)
    x_TBLD, mean_OR = tokens(), adapter.up_OP.unflatten(1, (3, 8)).mean(1)
    torch.testing.assert_close(adapter(x_TBLD)[0], lora(adapter, mean_OR, x_TBLD))


def test_a_low_temperature_keeps_to_one_up_projection():
    adapter = shipped("mtl_lora", temperature=1e-6)(site=make_site()).double().eval()
    torch.nn.init.normal_(adapter.up_OP)
    x_TBLD = tokens()
    for task, best in enumerate(adapter.choice_TE.argmax(-1)):
        up_OR = adapter.up_OP[:, best * 8 : (best + 1) * 8]
        expected_BLO = lora(adapter, up_OR, x_TBLD[task])
        torch.testing.assert_close(adapter(x_TBLD)[0][task], expected_BLO)


def test_diagonal_transformations_equal_full_ones_with_that_diagonal():
    site = make_site()
    diagonal = trained(shipped("mtl_lora", diagonal=True)(site=site))
    full = shipped("mtl_lora")(site=site).double().eval()
    state = diagonal.state_dict()
    full.load_state_dict(state | {"task_core": torch.diag_embed(state["task_core"])})
    assert diagonal.task_core.shape == (3, 8)
    torch.testing.assert_close(diagonal(tokens())[0], full(tokens())[0])
    for task in range(3):
        torch.testing.assert_close(diagonal.delta_weight(task), full.delta_weight(task))


def test_the_matrix_between_a_and_b_is_a_kronecker_product():
    adapter = trained(shipped("mtl_lora")(site=make_site()))
    for task in range(3):
        weight_E1 = (adapter.choice_TE[task] / 0.1).softmax(0)[:, None]
        core_PR = torch.kron(weight_E1, adapter.task_core[task].clone())
        expected_OD = 2 * adapter.up_OP @ core_PR @ adapter.down_RD
        torch.testing.assert_close(adapter.delta_weight(task), expected_OD)


def test_tasks_weigh_up_projections_alike_for_all_tokens():
    adapter = trained(shipped("mtl_lora")(site=make_site()))
    _, routing = adapter(tokens())
    assert routing.logits_TBLE.shape == routing.gate_TBLE.shape == (3, 1, 1, 3)


def test_the_transformation_starts_as_the_identity():
    adapter = shipped("mtl_lora")(site=make_site())
    assert torch.equal(adapter.task_core, torch.eye(8).expand(3, 8, 8))
    assert adapter.choice_TE.abs().max() <= 3**-0.5


def test_temperature_that_is_not_positive():
    hint = hints_of(MTLLoRA)["temperature"]
    with pytest.raises(UserError, match=r"temperature=0 does not fit; it takes float above 0\."):
        check_value(hint, 0, "model.adapter.temperature")


def test_a_network_with_it_runs_and_merges():
    network = tiny_network(shipped("mtl_lora")).eval()
    for adapter in network.encoder.adapters():
        trained(adapter).float()
    expected = network(images()).logits["depth"]
    network.encoder.merge(1)
    torch.testing.assert_close(network(images()).logits["depth"], expected)
