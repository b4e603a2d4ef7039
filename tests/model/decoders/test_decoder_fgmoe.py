"""FGMoE's decoder. T tasks, B images, D width, L tokens, H W cells, E experts."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import gelu, layer_norm

from mtl_ase.base.errors import UserError
from mtl_ase.model import count_parameters
from mtl_ase.model.decoders import FGMoE, LightHead, OneHeadATask
from mtl_ase.model.encoders import FeatureMap
from tests.model.decoders.tiny import tiny_network

CHANNELS = {"parts": 3, "edge": 1}
SIZES = {"hidden": 12, "num_experts": 4, "top_k": 2, "shared_hidden": 5, "global_hidden": 6}
D = 8


def head(width, channels):
    return LightHead(width, channels, hidden=4, unfold=2, depth=1)


def make(channels=CHANNELS, start=False, **changes):
    """A decoder away from its start, where the second layers of all MLPs are zero."""
    torch.manual_seed(0)
    values = {"num_blocks": 2, **SIZES, **changes}
    decoder = FGMoE([FeatureMap(D, 16)], channels, head, **values)
    if not start:
        for parameter in decoder.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.5)
    return decoder


def maps(num_images=2, height=3, width=4, tasks=2):
    return torch.randn(tasks, num_images, D, height, width)


def mlp_by_hand(mlp, task, x_D):
    """One token of one task, expert by expert."""
    down_FD, up_OF = mlp.down_TFD[task], mlp.up_TOF[task]
    logits = [row_D @ x_D for row_D in mlp.router_TED[task]]
    kept = sorted(range(mlp.num_experts), key=lambda e: -logits[e].item())[: mlp.top_k]
    total = sum(logits[expert].exp() for expert in kept)
    size = mlp.expert_hidden
    y_O = torch.zeros_like(x_D)
    for expert in kept:
        units = slice(expert * size, (expert + 1) * size)
        y_O = y_O + logits[expert].exp() / total * (up_OF[:, units] @ gelu(down_FD[units] @ x_D))
    units = slice(mlp.num_experts * size, None)
    y_O = y_O + up_OF[:, units] @ gelu(down_FD[units] @ x_D)
    gamma = 1 / (1 + (-(mlp.gamma_TD[task] @ x_D + mlp.gamma_bias_T[task])).exp())
    return y_O + gamma * (mlp.global_up_OG @ gelu(mlp.global_down_GD @ x_D))


def logits_by_hand(decoder, map_TBDHW):
    """Cell by cell, then the heads."""
    logits = {}
    for task, (name, of_task) in enumerate(decoder.heads.items()):
        cells = []
        for x_D in map_TBDHW[task].movedim(1, -1).flatten(0, 2):
            for norm, mlp in zip(decoder.norms, decoder.mlps, strict=True):
                u_D = layer_norm(x_D, x_D.shape, norm.weight, norm.bias, norm.eps)
                x_D = x_D + mlp_by_hand(mlp, task, u_D)
            cells.append(x_D)
        num_images, _, height, width = map_TBDHW[task].shape
        x_BHWD = torch.stack(cells).view(num_images, height, width, D)
        logits[name] = of_task(x_BHWD.movedim(-1, 1))
    return logits


def gradients(decoder, logits, map_TBDHW):
    loss = sum((value**2).sum() for value in logits.values())
    return torch.autograd.grad(loss, [map_TBDHW, *decoder.parameters()])


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_the_decoder_is_the_sum_over_experts_at_every_cell(dtype, tolerance):
    decoder = make().eval().to(dtype)
    map_TBDHW = maps().to(dtype).requires_grad_()
    found, expected = decoder([map_TBDHW])[0], logits_by_hand(decoder, map_TBDHW)
    close = {"rtol": tolerance, "atol": tolerance}
    for name in CHANNELS:
        torch.testing.assert_close(found[name], expected[name], **close)
    by_hand = gradients(decoder, expected, map_TBDHW)
    for gradient, wanted in zip(gradients(decoder, found, map_TBDHW), by_hand, strict=True):
        scale = wanted.abs().max().clamp(min=1)
        torch.testing.assert_close(gradient / scale, wanted / scale, **close)


@settings(deadline=None, max_examples=10)
@given(
    channels=st.dictionaries(st.sampled_from("abc"), st.integers(1, 5), min_size=1),
    sizes=st.tuples(*[st.integers(1, 4)] * 3),
    num_blocks=st.integers(1, 3),
    extra=st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
def test_logits_have_each_task_s_channels(channels, sizes, num_blocks, extra):
    shared, of_all = extra
    decoder = make(
        channels, num_blocks=num_blocks, shared_hidden=shared, global_hidden=of_all
    ).eval()
    logits, routing = decoder([maps(*sizes, tasks=len(channels))])
    num_images, height, width = sizes
    assert {name: tuple(value.shape) for name, value in logits.items()} == {
        name: (num_images, count, 2 * height, 2 * width) for name, count in channels.items()
    }
    assert [(decided.layer, decided.site) for decided in routing] == [
        (layer, "decoder") for layer in range(num_blocks)
    ]
    tokens = (len(channels), num_images, height * width)
    experts = SIZES["num_experts"]
    assert routing[0].logits_TBLE.shape == (*tokens, experts)
    assert routing[0].gate_TBLE.shape == (*tokens, experts + (shared > 0) + (of_all > 0))


@torch.no_grad()
def test_starts_as_the_heads_alone():
    decoder, map_TBDHW = make(start=True).eval(), maps()
    plain = OneHeadATask([FeatureMap(D, 16)], CHANNELS, head).eval()
    plain.heads.load_state_dict(decoder.heads.state_dict())
    expected, _ = plain([map_TBDHW])
    for name, logits_BCHW in decoder([map_TBDHW])[0].items():
        assert torch.equal(logits_BCHW, expected[name])


@torch.no_grad()
def test_cells_do_not_meet_in_the_blocks():
    decoder, map_TBDHW = make().eval(), maps()
    decoder.heads = torch.nn.ModuleDict({name: torch.nn.Identity() for name in CHANNELS})
    before = decoder([map_TBDHW])[0]
    other_TBDHW = map_TBDHW.clone()
    other_TBDHW[..., -1, -1] += 1 + torch.randn(D)
    after = decoder([other_TBDHW])[0]
    for name in CHANNELS:
        changed_HW = (before[name] != after[name]).any(1).any(0)
        assert changed_HW[-1, -1]
        assert changed_HW.sum() == 1


@pytest.mark.parametrize("learning", range(len(CHANNELS)))
def test_a_task_learns_its_own_slices_and_the_global_expert(learning):
    decoder = make().eval()
    decoder([maps()])[0][list(CHANNELS)[learning]].square().sum().backward()
    for mlp in decoder.mlps:
        for table in mlp.private():
            learnt_T = [bool(of_task.any()) for of_task in table.grad]
            assert learnt_T == [task == learning for task in range(len(CHANNELS))]
        assert mlp.global_down_GD.grad.any()
        assert mlp.global_up_OG.grad.any()


def test_experts_that_no_token_uses_get_no_gradient():
    decoder = make(num_blocks=1).eval()
    mlp = decoder.mlps[0]
    map_TBDHW, size = maps(), mlp.expert_hidden
    map_TBDHW[:, :, 0] += 100  # after the norm, feature 0 is the largest of every token
    torch.nn.init.zeros_(mlp.router_TED)
    with torch.no_grad():
        mlp.router_TED[:, :2, 0] = -1
    sum(value.square().sum() for value in decoder([map_TBDHW])[0].values()).backward()
    assert not mlp.down_TFD.grad[:, : 2 * size].any()
    assert not mlp.up_TOF.grad[:, :, : 2 * size].any()
    assert all(unit.any() for of_task in mlp.down_TFD.grad[:, 2 * size :] for unit in of_task)


def test_parameter_counts():
    decoder = make()
    found = {name: sum(p.numel() for p in ps) for name, ps in decoder.components().items()}
    tasks, of_task = len(CHANNELS), SIZES["hidden"] + SIZES["shared_hidden"]
    assert found["routers"] == 2 * tasks * (SIZES["num_experts"] * D + D + 1)
    assert found["experts"] == 2 * 2 * D * (tasks * of_task + SIZES["global_hidden"])
    assert found["decoder"] == 2 * 2 * D
    for name, channels in CHANNELS.items():
        expected = sum(math.prod(p.shape) for p in head(D, channels).parameters())
        assert found[f"head.{name}"] == expected


@pytest.mark.parametrize(("key", "value"), [("hidden", 13), ("top_k", 5), ("top_k", 0)])
def test_says_which_sizes_fit(key, value):
    with pytest.raises(UserError, match=f"{key}={value}"):
        make(**{key: value})


def test_the_experiment_trains_the_decoder_alone_after_one_pass():
    network = tiny_network("experiment=fgmoe_decoder", channels=CHANNELS)
    assert isinstance(network.decoder, FGMoE)
    assert network.encoder.shares_pass
    assert not any(parameter.requires_grad for parameter in network.encoder.parameters())
    counts = count_parameters(network)
    assert counts.pop("backbone").trainable == 0
    assert all(count.trainable == count.total for count in counts.values())
