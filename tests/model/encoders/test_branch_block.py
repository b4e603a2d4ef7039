"""Blocks that run once for all tasks. T tasks, B images, L tokens, D width."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hydra.errors import InstantiationException
from torch import nn

from mtl_ase.model import MultiTaskNetwork
from tests.conftest import SIZE
from tests.training.jacobians import stir

Build = Callable[..., MultiTaskNetwork]
DEPTH = 2


@pytest.fixture
def branched(tiny_network: Build) -> Build:
    """A network whose adapters and task embedding are nowhere 0."""

    def build(block: int, *overrides: str) -> MultiTaskNetwork:
        network = tiny_network(*overrides, f"model.encoder.branch_block={block}").double().eval()
        stir(nn.ModuleDict({"network": network}))
        return network

    return build


def images() -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, SIZE, SIZE), dtype=torch.uint8)


def task_by_task(network: MultiTaskNetwork, image_BCHW: torch.Tensor, block: int) -> torch.Tensor:
    """The map_TBDHW as if every task ran through all blocks by itself, with e_t before `block`."""
    encoder, num_tasks = network.encoder, network.encoder.num_tasks
    x_TBLD = encoder.embed(image_BCHW).expand(num_tasks, -1, -1, -1).contiguous()
    for index in range(DEPTH + 1):
        if index == block:
            x_TBLD = x_TBLD + encoder.task_embedding_TD[:, None, None]
        if index < DEPTH:
            x_TBLD, _ = encoder.blocks[index](x_TBLD)
    return x_TBLD[:, :, encoder.num_prefix :].mT.unflatten(-1, encoder.grid_hw)


@pytest.mark.parametrize("adapter", ["ase_finegrained", "lora", "mtl_lora"])
@pytest.mark.parametrize("block", range(DEPTH + 1))
def test_maps_are_those_of_tasks_that_run_alone(branched: Build, block: int, adapter: str) -> None:
    network, image_BCHW = branched(block, f"model/adapter={adapter}"), images()
    (map_TBDHW,), _ = network.encoder(image_BCHW)
    expected_TBDHW = task_by_task(network, image_BCHW, block)
    torch.testing.assert_close(map_TBDHW, expected_TBDHW, rtol=1e-10, atol=1e-10)
    assert not torch.allclose(map_TBDHW[0], map_TBDHW[1])


@pytest.mark.parametrize("block", range(DEPTH + 1))
def test_only_adapters_that_know_no_task_stand_before_it(branched: Build, block: int) -> None:
    network = branched(block, "experiment=ase_finegrained")
    before = [a for a in network.encoder.adapters() if a.site.layer < block]
    behind = [a for a in network.encoder.adapters() if a.site.layer >= block]
    assert {a.site.name for a in before} == ({"qkv", "proj", "fc1", "fc2"} if block else set())
    assert len(behind) == 5 * (DEPTH - block)
    assert {routed.layer for routed in network(images()).routing} == set(range(block, DEPTH))


def test_everything_that_is_trained_gets_a_gradient(branched: Build) -> None:
    network = branched(1, "experiment=ase_finegrained").train()
    logits, _ = network(images())
    torch.stack([value.square().mean() for value in logits.values()]).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None or not parameter.requires_grad, name


def test_without_a_task_axis_it_changes_nothing(branched: Build) -> None:
    plain = ("model/adapter=lora", "model.encoder.task_embedding=false")
    first, second = (branched(block, *plain) for block in (0, 1))
    second.load_state_dict(first.state_dict())
    image_BCHW = images()
    (one_TBDHW,), (two_TBDHW,) = first.encoder(image_BCHW)[0], second.encoder(image_BCHW)[0]
    assert torch.equal(one_TBDHW, two_TBDHW)


def test_it_may_not_be_beyond_the_last_block(tiny_network: Build) -> None:
    with pytest.raises(InstantiationException, match="branch_block=3 is beyond the 2 blocks"):
        tiny_network(f"model.encoder.branch_block={DEPTH + 1}")
