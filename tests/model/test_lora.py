"""LoRA on linear layers. R rank, D width in, O width out."""

from __future__ import annotations

import pytest
import torch
from timm.models.vision_transformer import Block
from torch import nn

from mtl_ase.base.errors import UserError
from mtl_ase.model import LoRALinear, add_lora

ALL = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")


def linears(block):
    return {name for name, module in block.named_modules() if isinstance(module, LoRALinear)}


@pytest.mark.parametrize("targets", [ALL, ALL[:1], ALL[2:]])
def test_output_is_unchanged_at_start(targets):
    block = Block(16, 2, qkv_bias=True).eval()
    x_BLD = torch.randn(2, 5, 16)
    before = block(x_BLD)
    add_lora(block, rank=4, alpha=8, targets=targets)
    assert linears(block) == set(targets)
    assert torch.equal(block(x_BLD), before)


def test_formula():
    layer = LoRALinear(nn.Linear(6, 4), rank=3, alpha=12)
    nn.init.normal_(layer.up_OR)
    x = torch.randn(2, 5, 6)
    update = (12 / 3) * layer.up_OR @ layer.down_RD
    expected = x @ (layer.base.weight + update).mT + layer.base.bias
    torch.testing.assert_close(layer(x), expected)


def test_base_is_frozen_and_the_update_learns():
    layer = LoRALinear(nn.Linear(6, 4), rank=2, alpha=4)
    nn.init.normal_(layer.up_OR)
    layer(torch.randn(3, 6)).square().sum().backward()
    trained = {name for name, p in layer.named_parameters() if p.requires_grad}
    assert trained == {"down_RD", "up_OR"}
    assert layer.base.weight.grad is None
    assert layer.base.bias.grad is None
    assert layer.down_RD.grad.any()
    assert layer.up_OR.grad.any()


def test_unknown_target():
    with pytest.raises(UserError, match=r"model\.lora\.targets names 'attn\.query'.*attn\.qkv"):
        add_lora(Block(16, 2), rank=4, alpha=8, targets=["attn.query"])


def test_target_that_is_not_linear():
    with pytest.raises(UserError, match=r"model\.lora\.targets names 'norm1'"):
        add_lora(Block(16, 2), rank=4, alpha=8, targets=["norm1"])


@pytest.mark.parametrize("rank", [0, -1])
def test_rank_below_one(rank):
    with pytest.raises(UserError, match=r"model\.lora\.rank"):
        add_lora(Block(16, 2), rank=rank, alpha=8, targets=ALL)
