"""MLoRE's decoder. T tasks, B images, D width, H W cells, E experts, R rows of all experts."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import conv2d, gelu, layer_norm, linear

from mtl_ase.base.errors import UserError
from mtl_ase.model.decoders import LightHead, MLoRE
from mtl_ase.model.decoders.mlore_block import LowRankConvs, MLoREBlock, SampleRouter
from mtl_ase.model.encoders import FeatureMap
from tests.composing import composed
from tests.model.decoders.tiny import tiny_network

CHANNELS = {"parts": 3, "edge": 1}
RANKS, KEEP, OWN = [1, 2, 3, 4], 2, 3
D, WIDTH = 12, 8


def head(width, channels):
    return LightHead(width, channels, hidden=4, unfold=2, depth=1)


def make(seed=0, width=WIDTH, channels=CHANNELS, **changes):
    torch.manual_seed(seed)
    values = {"num_blocks": 2, "ranks": RANKS, "keep": KEEP, "task_rank": OWN, "kernel": 3}
    decoder = MLoRE([FeatureMap(D, 16)], channels, head, width=width, **{**values, **changes})
    for norm in decoder.modules():  # leave the start, where batch norms are the identity
        if isinstance(norm, torch.nn.BatchNorm2d):
            for value in (norm.running_mean, norm.bias.data):
                value.normal_()
            for value in (norm.running_var, norm.weight.data):
                value.uniform_(0.5, 2)
    return decoder


def make_block(kernel=3, **changes):
    return make(kernel=kernel, **changes).blocks[0]


def maps(num_images=2, height=3, width=4, tasks=2, channels=D):
    return torch.randn(tasks, num_images, channels, height, width)


def norm_by_hand(norm, x_BDHW):
    weight, bias, mean, var = (
        value[:, None, None]
        for value in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    return (x_BDHW - mean) / (var + norm.eps).sqrt() * weight + bias


def decide_by_hand(router, u_DHW):
    """Logits_E and the weight of the task's own path, cell by cell."""
    conv, norm, _ = router.cells
    cells = []
    for row in range(u_DHW.shape[1]):
        for column in range(u_DHW.shape[2]):
            cell = linear(u_DHW[:, row, column], conv.weight[:, :, 0, 0], conv.bias)
            cells.append(gelu(layer_norm(cell, cell.shape, norm.weight, norm.bias, norm.eps)))
    of_cells = router.of_cells(sum(cells) / len(cells))
    norm, _, last = router.of_image
    mean = u_DHW.mean((1, 2))
    of_image = last(gelu(layer_norm(mean, mean.shape, norm.weight, norm.bias, norm.eps)))
    decided = router.decide(torch.cat([of_cells, of_image]))
    return decided[: router.num_experts], decided[-1]


def expert_by_hand(convs, ranks, number, u_BDHW):
    """M_i W_i u."""
    rows = slice(sum(ranks[:number]), sum(ranks[: number + 1]))
    down = conv2d(u_BDHW, convs.down.weight[rows], padding=convs.down.padding)
    return conv2d(down, convs.up.weight[:, rows])


def block_by_hand(block, x_TBDHW, ranks=RANKS, keep=KEEP):
    """The formula, task by task, image by image, expert by expert."""
    outputs = []
    for path, x_BDHW in zip(block.paths.values(), x_TBDHW, strict=True):
        for x_1DHW in x_BDHW.split(1):
            u_1DHW = conv2d(x_1DHW, path.enter.weight, path.enter.bias)
            logits_E, own = decide_by_hand(path.router, u_1DHW[0])
            weights = logits_E.exp() / logits_E.exp().sum()
            mixed = torch.zeros_like(u_1DHW)
            for number in sorted(range(len(ranks)), key=lambda e: -weights[e].item())[:keep]:
                mixed = mixed + weights[number] * expert_by_hand(
                    block.experts, ranks, number, u_1DHW
                )
            low_rank = own * expert_by_hand(path.own, [OWN], 0, u_1DHW)
            shared = conv2d(u_1DHW.detach(), block.shared.weight, padding=1)
            total = norm_by_hand(path.norm_mixed, mixed) + low_rank + shared
            hidden = gelu(norm_by_hand(path.norm, total))
            outputs.append(conv2d(hidden, path.leave.weight, path.leave.bias))
    return torch.cat(outputs).view(x_TBDHW.shape)


def gradients(block, value, x_TBDHW):
    wanted = [x_TBDHW, *block.parameters()]
    return torch.autograd.grad((value**2).sum(), wanted, allow_unused=True, materialize_grads=True)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("kernel", [1, 3])
def test_a_block_is_the_sum_over_its_experts(kernel, dtype, tolerance):
    block = make_block(kernel).eval().to(dtype)
    x_TBDHW = maps(channels=WIDTH).to(dtype).requires_grad_()
    found, expected = block(x_TBDHW)[0], block_by_hand(block, x_TBDHW)
    close = {"rtol": tolerance, "atol": tolerance}
    torch.testing.assert_close(found, expected, **close)
    pairs = zip(gradients(block, found, x_TBDHW), gradients(block, expected, x_TBDHW), strict=True)
    for gradient, by_hand in pairs:
        scale = by_hand.abs().max().clamp(min=1)
        torch.testing.assert_close(gradient / scale, by_hand / scale, **close)


@settings(deadline=None, max_examples=20)
@given(
    ranks=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    sizes=st.tuples(*[st.integers(1, 4)] * 4),
    kernel=st.sampled_from([1, 3]),
    data=st.data(),
)
def test_any_sizes_and_ranks_agree_with_the_sum(ranks, sizes, kernel, data):
    num_tasks, num_images, height, width = sizes
    keep = data.draw(st.integers(1, len(ranks)))
    tasks = [f"task{number}" for number in range(num_tasks)]
    torch.manual_seed(0)
    block = MLoREBlock(tasks, WIDTH, ranks, keep, OWN, kernel).eval().double()
    x_TBDHW = maps(num_images, height, width, num_tasks, WIDTH).double()
    with torch.no_grad():
        y_TBDHW, logits_TBE, gate_TBE = block(x_TBDHW)
        torch.testing.assert_close(y_TBDHW, block_by_hand(block, x_TBDHW, ranks, keep))
    assert logits_TBE.shape == gate_TBE.shape == (num_tasks, num_images, len(ranks))
    assert ((gate_TBE > 0).sum(-1) == keep).all()


@settings(deadline=None, max_examples=10)
@given(
    channels=st.dictionaries(st.sampled_from("abc"), st.integers(1, 5), min_size=1),
    sizes=st.tuples(*[st.integers(1, 4)] * 3),
    width=st.sampled_from([4, 8, None]),
    num_blocks=st.integers(1, 3),
)
def test_logits_have_each_task_s_channels(channels, sizes, width, num_blocks):
    decoder = make(channels=channels, width=width, num_blocks=num_blocks).eval()
    logits, routing = decoder([maps(*sizes, tasks=len(channels))])
    num_images, height, columns = sizes
    assert {name: tuple(value.shape) for name, value in logits.items()} == {
        name: (num_images, count, 2 * height, 2 * columns) for name, count in channels.items()
    }
    assert [(decided.layer, decided.site) for decided in routing] == [
        (layer, "decoder") for layer in range(num_blocks)
    ]
    assert routing[0].gate_TBLE.shape == (len(channels), num_images, 1, len(RANKS))


def test_weights_are_a_softmax_without_its_smallest():
    _, logits_TBE, gate_TBE = make_block().eval()(maps(channels=WIDTH))
    prob_TBE = logits_TBE.softmax(-1)
    for prob_E, gate_E in zip(prob_TBE.flatten(0, 1), gate_TBE.flatten(0, 1), strict=True):
        kept = prob_E.sort(descending=True).indices[:KEEP]
        assert torch.equal(gate_E[kept], prob_E[kept])
        assert gate_E.count_nonzero() == KEEP
        assert gate_E.sum() < 1


def test_experts_that_count_as_zero_get_no_gradient():
    block = make_block().eval()
    for path in block.paths.values():  # experts 0 and 1 last, for every task and image
        torch.nn.init.zeros_(path.router.decide.weight)
        path.router.decide.bias.data[: len(RANKS)] = torch.tensor([-2.0, -1.0, 1.0, 2.0])
    block(maps(channels=WIDTH))[0].square().sum().backward()
    zeroed = RANKS[0] + RANKS[1]
    for gradient_R in (block.experts.down.weight.grad, block.experts.up.weight.grad.movedim(1, 0)):
        assert not gradient_R[:zeroed].any()
        assert all(row.any() for row in gradient_R[zeroed:])


def test_the_shared_convolution_gives_its_input_no_gradient():
    block = make_block().eval()
    x_TBDHW = maps(channels=WIDTH).requires_grad_()
    for path in block.paths.values():  # leave nothing but the shared convolution
        torch.nn.init.zeros_(path.own.up.weight)
        torch.nn.init.zeros_(path.norm_mixed.weight)
    block(x_TBDHW)[0].square().sum().backward()
    assert not x_TBDHW.grad.any()
    assert all(not path.enter.weight.grad.any() for path in block.paths.values())
    assert block.shared.weight.grad.any()


def test_noise_is_drawn_in_training_only():
    router, u_BDHW = SampleRouter(WIDTH, 4), maps(channels=WIDTH)[0]
    first, again = router(u_BDHW), router(u_BDHW)
    assert not torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    router.eval()
    assert torch.equal(router(u_BDHW)[0], router(u_BDHW)[0])


def test_the_size_of_the_noise_is_learnt():
    router, u_BDHW = SampleRouter(WIDTH, 4), maps(channels=WIDTH)[0]
    router(u_BDHW)[0].sum().backward()
    assert router.decide.weight.grad[4:8].any()
    router.zero_grad()
    router.eval()(u_BDHW)[0].sum().backward()
    assert not router.decide.weight.grad[4:8].any()


def test_experts_start_as_convolutions_of_their_own():
    """Kaiming-uniform: within 1/sqrt(fan-in), where the fan-in of M_i is its own rank."""
    ranks = [1, 4, 400]
    convs = LowRankConvs(64, ranks, 3)
    for up_OR, rank in zip(convs.up.weight[:, :, 0, 0].split(ranks, 1), ranks, strict=True):
        assert 0.9 * rank**-0.5 < up_OR.abs().max() <= rank**-0.5
    assert convs.down.weight.abs().max() <= (64 * 9) ** -0.5


@pytest.mark.parametrize("kernel", [1, 3])
def test_parameter_counts(kernel):
    decoder = make(kernel=kernel)
    found = {name: sum(p.numel() for p in ps) for name, ps in decoder.components().items()}
    w, hidden, experts, tasks = WIDTH, WIDTH // 4, len(RANKS), len(CHANNELS)
    linears = [(w, hidden), (hidden, hidden), (w, hidden), (2 * hidden, 2 * experts + 1)]
    router = sum(width * out + out for width, out in linears) + 2 * hidden + 2 * w
    low_rank = w * kernel**2 + w  # of one rank
    path = 2 * (w * w + w) + OWN * low_rank + 2 * 2 * w
    assert found["routers"] == 2 * tasks * router
    assert found["experts"] == 2 * sum(RANKS) * low_rank
    assert found["decoder"] == 2 * D + D * w + w + 2 * (9 * w * w + tasks * path)
    for name, channels in CHANNELS.items():
        assert found[f"head.{name}"] == sum(p.numel() for p in head(w, channels).parameters())


def test_a_task_owns_its_paths_and_head():
    decoder = make()
    shared = [decoder.project, *(m for b in decoder.blocks for m in (b.experts, b.shared))]
    expected = set(decoder.parameters()) - {p for module in shared for p in module.parameters()}
    assert {p for parameters in decoder.of_tasks().values() for p in parameters} == expected


@pytest.mark.parametrize("keep", [0, 5])
def test_says_which_expert_counts_fit(keep):
    with pytest.raises(UserError, match=rf"model\.decoder\.keep={keep} .* 4 experts"):
        make(keep=keep)


def test_the_experiment_trains_all_weights_in_one_pass():
    network = tiny_network("experiment=mlore", channels=CHANNELS)
    assert isinstance(network.decoder, MLoRE)
    assert network.encoder.shares_pass
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_the_experiment_weighs_losses_as_published():
    weights = {name: task.weight for name, task in composed("experiment=mlore").tasks.items()}
    assert weights == {
        "semseg": 1,
        "human_parts": 2,
        "saliency": 5,
        "normals": 10,
        "edge": 50,
    }
