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
    """Names of the parameters of both groups."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    decayed, free = parameter_groups(network)
    return [[names[id(p)] for p in group["params"]] for group in (decayed, free)]


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
    embeddings = {"backbone.vit.pos_embed", "backbone.vit.cls_token", "task_embedding_TD"}
    assert not norms & set(decayed)
    assert not embeddings & set(decayed)
    assert not [name for name in decayed if name.endswith("bias")]
    assert set(free) <= norms | embeddings | {name for name in free if name.endswith("bias")}


def test_only_the_second_group_says_so(network):
    decayed, free = parameter_groups(network)
    assert "weight_decay" not in decayed
    assert free["weight_decay"] == 0
