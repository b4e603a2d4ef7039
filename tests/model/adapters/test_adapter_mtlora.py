"""Shared and task-specific low-rank updates. T tasks, B images, L tokens, D O widths."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mtl_ase.model.adapters import LoRA, MTLoRA
from tests.model.adapters.sites import make_site

T, B, L, D = 3, 2, 7, 8


def make(num_stages=4, dropout=0.0, **site):
    adapter = MTLoRA(make_site(**site), 5, 2, 4.0, num_stages, dropout).double().eval()
    for name, value in adapter.named_parameters():
        if "up" in name:
            nn.init.normal_(value)
    return adapter


def draw():
    return torch.randn(T, B, L, D, dtype=torch.float64)


@pytest.mark.parametrize("layer", [0, 2])
def test_merged_weights_give_what_the_adapter_adds(layer):
    adapter, x_TBLD = make(layer=layer, num_layers=12), draw()
    for t in range(T):
        layer_of_site = nn.Linear(D, 12, dtype=torch.float64)
        expected_BLO = layer_of_site(x_TBLD[t]) + adapter(x_TBLD)[0][t]
        adapter.merge(t, layer_of_site)
        torch.testing.assert_close(layer_of_site(x_TBLD[t]), expected_BLO)


def test_without_the_task_s_update_it_is_lora_with_alpha_scale_times_rank():
    adapter, x_TBLD = make(), draw()
    nn.init.zeros_(adapter.private_up_TOJ)
    lora = LoRA(make_site(), rank=5, alpha=20.0).double()
    lora.load_state_dict({"down_RD": adapter.down_RD, "up_OP": adapter.up_OP})
    torch.testing.assert_close(adapter(x_TBLD)[0], lora(x_TBLD)[0])


@pytest.mark.parametrize(
    ("num_layers", "num_stages", "last"),
    [
        (12, 4, [2, 5, 8, 11]),
        (24, 4, [5, 11, 17, 23]),
        (10, 4, [2, 4, 7, 9]),
        (12, 1, [11]),
        (4, 4, [0, 1, 2, 3]),
        (2, 4, [0, 1]),
    ],
)
def test_the_last_block_of_every_stage_has_an_update_for_each_task(num_layers, num_stages, last):
    adapters = [make(num_stages, layer=n, num_layers=num_layers) for n in range(num_layers)]
    assert [n for n, adapter in enumerate(adapters) if adapter.private()] == last
    assert [n for n, adapter in enumerate(adapters) if adapter.knows_tasks] == last


def test_the_other_blocks_update_is_the_same_for_all_tasks():
    adapter, x_TBLD = make(layer=0, num_layers=12), draw()
    assert torch.equal(adapter.delta_weight(0), adapter.delta_weight(1))
    torch.testing.assert_close(adapter(x_TBLD[:1])[0], adapter(x_TBLD)[0][:1])


def test_dropout_hits_both_updates_in_training_only():
    adapter, x_TBLD = make(dropout=0.5), draw()
    assert torch.equal(adapter(x_TBLD)[0], adapter(x_TBLD)[0])
    adapter.train()
    assert not torch.equal(adapter(x_TBLD)[0], adapter(x_TBLD)[0])
