"""Which parameters decay, for every experiment."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mtl_ase import training
from mtl_ase.training.parameter_groups import balance_groups, parameter_groups

EXPERIMENTS = ["ase", "ase_finest", "lora_moe", "naive_shared", "mtl_vit"]
NORMS = (nn.LayerNorm, nn.BatchNorm2d)


@pytest.fixture(params=EXPERIMENTS)
def network(request, tiny_network):
    return tiny_network(f"experiment={request.param}")


def by_group(network):
    """Names of the parameters that decay, and of those that do not."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    decayed, free = [], []
    for group in parameter_groups(network):
        (free if "weight_decay" in group else decayed).extend(names[id(p)] for p in group["params"])
    return decayed, free


def test_every_trained_parameter_once(network):
    decayed, free = by_group(network)
    trained = [name for name, p in network.named_parameters() if p.requires_grad]
    assert sorted(decayed + free) == sorted(trained)


def test_norms_biases_and_embeddings_do_not_decay(network):
    decayed, free = by_group(network)
    norms = {
        f"{name}.{own}"
        for name, module in network.named_modules()
        if isinstance(module, NORMS)
        for own, _ in module.named_parameters()
    }
    embeddings = {
        f"encoder.{name}" for name in ("vit.pos_embed", "vit.cls_token", "task_embedding_TD")
    }
    assert not norms & set(decayed)
    assert not embeddings & set(decayed)
    assert not [name for name in decayed if name.endswith("bias")]
    assert set(free) <= norms | embeddings | {name for name in free if name.endswith("bias")}


def test_all_decay_on_request_and_each_is_there_once(network):
    groups = parameter_groups(network, decay_all=True)
    assert not [group for group in groups if "weight_decay" in group]
    members = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(members) == sorted(id(p) for p in network.parameters() if p.requires_grad)


def test_only_matrices_are_updated_as_matrices(network):
    for group in parameter_groups(network):
        dimensions = {parameter.ndim for parameter in group["params"]}
        assert group.get("weight_decay", 0) == 0
        assert "use_fallback" in group or dimensions <= {2, 4}


def test_the_routers_of_a_layer_are_a_stack_not_a_matrix(tiny_network):
    network = tiny_network("experiment=ase")
    stacks = next(g for g in parameter_groups(network) if "use_fallback" in g)
    routers = [block.adapters["ffn"].router for block in network.encoder.blocks]
    expected = {id(p) for router in routers for p in router.parameters()}
    assert {id(parameter) for parameter in stacks["params"]} == expected
    assert stacks["use_fallback"]


def test_what_a_balancing_rule_learns_is_a_group_of_its_own(tiny_module):
    module = tiny_module("experiment=ase", "balance=uncertainty", "training.balance.lr_factor=5")
    (group,) = balance_groups(module.balances)
    assert group.pop("params") == list(module.balances.parameters())
    assert group == {"lr_factor": 5, "use_fallback": True, "weight_decay": 0.0}


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_the_optimiser_learns_it_too(tiny_module, optimizer, monkeypatch):
    module = tiny_module("experiment=ase", "balance=imtl_l", f"optimizer={optimizer}")
    monkeypatch.setattr(training.module, "training_steps", lambda trainer: 2)
    monkeypatch.setattr(type(module), "trainer", None)
    (built,), _ = module.configure_optimizers()
    groups = parameter_groups(module.network)
    assert len(built.param_groups) == len(groups) + 1
    (scales_T,) = module.balances.parameters()
    before_T = scales_T.detach().clone()
    scales_T.grad = torch.ones_like(scales_T)
    built.step()
    assert (scales_T < before_T).all()


def test_rules_that_learn_nothing_add_no_group(tiny_module):
    assert balance_groups(tiny_module("balance=dwa").balances) == []
