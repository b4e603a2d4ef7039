"""Which shared parameters belong together, as adapters say it. R rows of A, P columns of B."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.build import build_module, build_network, build_tasks
from mtl_ase.config import CONFIGS

FILES = (CONFIGS / "model" / "adapter").glob("*.yaml")
ADAPTERS = sorted(path.stem for path in FILES if path.stem != "none")


@pytest.fixture
def build(composed, tiny):
    def make(*overrides):
        config = composed(*tiny, *overrides, "balance=nash_blocks", "tasks=[semseg,edge]")
        tasks = build_tasks(config)
        return build_module(config, tasks, build_network(config, tasks))

    return make


def by_parameter(module):
    """The blocks of every shared parameter, in its shape."""
    gradients, block_P = module.gradients, module.balance.block_P
    parts = zip(gradients.shared, block_P.split(gradients.sizes), strict=True)
    return {parameter: part.view_as(parameter) for parameter, part in parts}


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_element_is_in_a_block_and_no_block_in_two_adapters(build, name):
    module = build(f"model/adapter={name}")
    block_P = module.balance.block_P
    assert len(block_P) == module.gradients.num_elements
    assert set(block_P.tolist()) == set(range(int(block_P.max()) + 1))
    blocks, seen = by_parameter(module), set()
    for adapter in module.network.encoder.adapters():
        own = [blocks[p].unique().tolist() for p in adapter.parameters() if p in blocks]
        found = {number for numbers in own for number in numbers}
        assert not found & seen
        seen |= found
    assert len(seen) >= len(module.network.encoder.adapters())


@pytest.mark.parametrize("name", ["ase_finegrained", "goat", "mola", "same", "team_lora"])
def test_an_expert_is_its_rows_of_a_and_columns_of_b(build, name):
    """A gate of one expert lets a gradient into its block alone."""
    module = build(f"model/adapter={name}")
    blocks, experts = by_parameter(module), 0
    for adapter in module.network.encoder.adapters():
        count = adapter.num_experts
        down_RD, up_OP = blocks[adapter.down_RD], blocks[adapter.up_OP]
        begin = int(down_RD.min())
        x_TBLD = torch.randn(1, 1, 2, adapter.site.width_in)
        adapter.up_OP.data.normal_()
        for expert in range(count):
            gate_TBLE = torch.zeros(1, 1, 2, count)
            gate_TBLE[..., expert] = 1
            update = adapter.up(adapter.mix(adapter.down(x_TBLD), gate_TBLE))
            own = (adapter.down_RD, adapter.up_OP)
            grads = torch.autograd.grad(update.square().sum(), own)
            for parameter, grad in zip(own, grads, strict=True):
                assert torch.equal(grad != 0, blocks[parameter] == begin + expert)
        assert down_RD.unique().tolist() == up_OP.unique().tolist()
        experts += count > 1
    assert experts


@pytest.mark.parametrize("name", ["hydra_lora", "mtl_lora"])
def test_a_shared_a_is_no_experts(build, name):
    module = build(f"model/adapter={name}")
    blocks = by_parameter(module)
    several = [a for a in module.network.encoder.adapters() if a.num_experts > 1]
    assert several
    for adapter in several:
        (of_a,) = blocks[adapter.down_RD].unique().tolist()
        of_b = blocks[adapter.up_OP].unique().tolist()
        assert of_a not in of_b
        assert len(of_b) == adapter.num_experts


def test_what_is_in_no_adapter_is_one_block(build):
    module = build("model/adapter=ase_finegrained", "model.encoder.frozen=false")
    blocks = by_parameter(module)
    adapters = {p for a in module.network.encoder.adapters() for p in a.parameters()}
    others = {n for p, part in blocks.items() if p not in adapters for n in part.unique().tolist()}
    assert others == {0}
    assert any(p not in adapters for p in blocks)
