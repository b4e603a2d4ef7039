"""Which parameters decay, for every experiment."""

from __future__ import annotations

import pytest
from torch import nn

from mtl_ase.training import parameter_groups

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
