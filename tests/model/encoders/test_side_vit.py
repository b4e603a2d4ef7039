"""Adapters on a path beside the ViT. T tasks, B images, L tokens, D width, H W grid cells."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hydra.errors import InstantiationException
from torch import Tensor, nn

from mtl_ase.model import MultiTaskNetwork
from tests.conftest import SIZE
from tests.training.jacobians import stir

Build = Callable[..., MultiTaskNetwork]
SIDE = ("model/encoder=side_vit", "model.lora=null")
ADAPTERS = ["ase_finegrained", "lora_moe", "naive_shared", "mmolre"]


@pytest.fixture
def beside(tiny_network: Build) -> Build:
    """A network whose adapters and task embedding are nowhere 0."""

    def build(*overrides: str) -> MultiTaskNetwork:
        network = tiny_network(*overrides, *SIDE).double().eval()
        stir(nn.ModuleDict({"network": network}))
        return network

    return build


def images() -> Tensor:
    return torch.randint(0, 256, (2, 3, SIZE, SIZE), dtype=torch.uint8)


def task_by_task(network: MultiTaskNetwork, image_BCHW: Tensor) -> Tensor:
    """The map_TBDHW as the equations have it: the side paths after the trunk has run."""
    encoder = network.encoder
    trunk_BLD = [encoder.embed(image_BCHW)[0]]
    for block in encoder.blocks:
        trunk_BLD.append(block.block(trunk_BLD[-1]))
    side_TBLD = encoder.task_embedding_TD[:, None, None]
    for layer, block in enumerate(encoder.blocks):
        u_TBLD = block.block.norm2(trunk_BLD[layer + 1] + side_TBLD)
        side_TBLD = side_TBLD + block.adapters["ffn"](u_TBLD)[0]
    tokens_TBLD = trunk_BLD[-1] + side_TBLD
    return tokens_TBLD[:, :, encoder.num_prefix :].mT.unflatten(-1, encoder.grid_hw)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_maps_are_those_of_the_equations(beside: Build, adapter: str) -> None:
    network, image_BCHW = beside(f"model/adapter={adapter}"), images()
    (map_TBDHW,), routing = network.encoder(image_BCHW)
    expected_TBDHW = task_by_task(network, image_BCHW)
    torch.testing.assert_close(map_TBDHW, expected_TBDHW, rtol=1e-10, atol=1e-10)
    assert not torch.allclose(map_TBDHW[0], map_TBDHW[1])
    assert [routed.layer for routed in routing] == [0, 1]


def test_the_trunk_runs_once_without_a_gradient(beside: Build) -> None:
    network, image_BCHW = beside("model/adapter=ase_finegrained").train(), images()
    seen: list[tuple[int, bool]] = []
    for block in network.encoder.blocks:
        block.block.register_forward_hook(
            lambda _module, given, _output: seen.append((len(given[0]), torch.is_grad_enabled()))
        )
    logits, _ = network(image_BCHW)
    assert seen == [(len(image_BCHW), False)] * 2
    torch.stack([value.square().mean() for value in logits.values()]).sum().backward()
    for name, parameter in network.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


def test_without_adapters_it_is_the_plain_vit_s_map(tiny_network: Build) -> None:
    none = ("model/adapter=none", "model.encoder.task_embedding=false")
    plain, beside = (tiny_network(*none, *encoder).eval() for encoder in ((), SIDE))
    beside.load_state_dict(plain.state_dict())
    image_BCHW = images()
    (one_TBDHW,), (other_TBDHW,) = (n.encoder(image_BCHW)[0] for n in (plain, beside))
    torch.testing.assert_close(one_TBDHW, other_TBDHW)


def test_adapters_of_the_trunk_s_layers_are_refused(tiny_network: Build) -> None:
    with pytest.raises(
        InstantiationException, match=r"model\.lora\.sites names 'qkv', but SideViTEncoder has"
    ):
        tiny_network("model/adapter=ase", "model/encoder=side_vit")
