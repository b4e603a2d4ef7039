"""MTAN, NDDR-CNN and cross-stitch networks. T tasks, S tasks mixed from, B images, D width."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, cross_entropy

from mtl_ase.model import count_parameters
from mtl_ase.model.encoders import MTAN, NDDRCNN, CrossStitch, ResNetEncoder
from mtl_ase.model.encoders.cross_stitch import CrossStitchUnit
from mtl_ase.model.encoders.nddr_cnn import NDDRUnit
from mtl_ase.model.encoders.one_trunk_a_task import mixture_TS
from tests.model.encoders.resnets import CHANNELS, ENCODERS, make_images, make_network, shake

every_encoder = pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
stl_encoder = pytest.mark.parametrize("encoder", [NDDRCNN, CrossStitch])


def single_task_networks(equal_trunks=False):
    """A network for every task, and their trunks' and heads' weights joined."""
    networks = {}
    for name, channels in CHANNELS.items():
        networks[name] = shake(make_network(channels={name: channels})).eval()
        if equal_trunks:
            first = networks["semseg"].encoder
            networks[name].encoder.load_state_dict(first.state_dict())
    return networks


def join(networks, encoder, **arguments):
    """A multi-task network whose trunks and heads are those of single-task networks."""
    joined = make_network(encoder, **arguments).eval()
    for trunk, (name, network) in zip(joined.encoder.trunks, networks.items(), strict=True):
        trunk.load_state_dict(network.encoder.trunk.state_dict())
        joined.decoder.heads[name].load_state_dict(network.decoder.heads[name].state_dict())
    return joined


@every_encoder
@pytest.mark.parametrize("size", [(64, 64), (36, 52)])
def test_shapes(encoder, size):
    network = make_network(encoder).eval()
    maps, routing = network.encoder(make_images(2, size))
    grid = tuple(-(-side // 8) for side in size)
    assert [tuple(found.shape) for found in maps] == [(3, 2, 512, *grid)]
    assert network.encoder.feature_maps == [(512, 8)]
    assert routing == []
    logits = network(make_images(2, size)).logits
    assert {name: tuple(x.shape) for name, x in logits.items()} == {
        name: (2, channels, *size) for name, channels in CHANNELS.items()
    }


@every_encoder
def test_every_parameter_learns(encoder):
    network = make_network(encoder, channels={"semseg": 5, "edge": 1}).eval()
    sum(x.square().sum() for x in network(make_images(2, (32, 32))).logits.values()).backward()
    assert all(parameter.grad.any() for parameter in network.parameters())


@every_encoder
def test_components_add_up(encoder):
    counts = count_parameters(make_network(encoder))
    network = make_network(encoder)
    assert sum(count.total for count in counts.values()) == sum(
        p.numel() for p in network.parameters()
    )
    units = {ResNetEncoder: set(), MTAN: {"attention"}, NDDRCNN: {"nddr"}, CrossStitch: {"stitch"}}
    heads = {f"head.{name}" for name in CHANNELS}
    assert counts.keys() == {"backbone"} | heads | units[encoder]


@every_encoder
def test_a_single_image_is_evaluated(encoder):
    assert make_network(encoder).eval()(make_images(1)).logits["edge"].isfinite().all()


@every_encoder
def test_one_task_alone(encoder):
    network = make_network(encoder, channels={"edge": 1}).eval()
    assert network(make_images(1)).logits["edge"].shape == (1, 1, 64, 64)


@every_encoder
def test_float64_and_bfloat16(encoder):
    network, images = make_network(encoder).eval(), make_images(1, (32, 32))
    assert network.double().encoder(images)[0][0].dtype == torch.float64
    assert network.bfloat16().encoder(images)[0][0].dtype == torch.bfloat16
    with torch.autocast("cpu", torch.bfloat16):
        assert network.float()(images).logits["edge"].dtype == torch.float32


@every_encoder
def test_no_parameter_is_called_private(encoder):
    """Every unit mixes what several tasks see; the trunks are no stacks over tasks."""
    assert list(make_network(encoder).encoder.private()) == []


@stl_encoder
def test_units_learn_faster(encoder):
    built = encoder(list("ab"), pretrained=False, unit_lr_factor=30)
    units = set(built.units.parameters())
    assert built.learning_rates() == dict.fromkeys(units, 30)
    assert units
    assert set(encoder(list("ab"), pretrained=False).learning_rates().values()) == {100}
    assert MTAN(list("ab"), pretrained=False).learning_rates() == {}


def test_stitches_neither_decay_nor_are_matrices():
    stitched = CrossStitch(list("ab"), pretrained=False)
    assert set(stitched.embeddings()) == set(stitched.units.parameters())
    assert list(NDDRCNN(list("ab"), pretrained=False).embeddings()) == []


@pytest.mark.parametrize(("num_tasks", "rest"), [(5, 0.05), (3, 0.1), (2, 0.2), (1, None)])
def test_mixtures_start_with_rows_that_sum_to_1(num_tasks, rest):
    found_TS = mixture_TS(num_tasks, 0.8)
    torch.testing.assert_close(found_TS.sum(1), torch.ones(num_tasks))
    if rest is None:
        assert found_TS.item() == 1
        return
    assert torch.equal(found_TS.diagonal(), torch.full((num_tasks,), 0.8))
    torch.testing.assert_close(found_TS[0, 1:], torch.full((num_tasks - 1,), rest))


def test_a_stitch_mixes_channel_by_channel():
    unit, x_TBDHW = CrossStitchUnit(mixture_TS(3, 0.8), 4), torch.randn(3, 2, 4, 5, 6)
    nn.init.normal_(unit.weight_TSD)
    expected = torch.zeros_like(x_TBDHW)
    for t in range(3):
        for s in range(3):
            for d in range(4):
                expected[t, :, d] += unit.weight_TSD[t, s, d].detach() * x_TBDHW[s, :, d]
    torch.testing.assert_close(unit(x_TBDHW), expected)


def test_an_nddr_unit_is_a_convolution_a_task_over_all_channels():
    """Each with a batch norm of its own, as the paper writes them."""
    unit, x_TBDHW = NDDRUnit(mixture_TS(3, 0.8), 4), torch.rand(3, 2, 4, 5, 6)
    nn.init.normal_(unit.conv.weight)
    y_TBDHW = unit(x_TBDHW)
    joined_BCHW = torch.cat(list(x_TBDHW), 1)
    for t in range(3):
        convolved = conv2d(joined_BCHW, unit.conv.weight[4 * t : 4 * t + 4])
        expected = nn.BatchNorm2d(4)(convolved).relu()
        torch.testing.assert_close(y_TBDHW[t], expected, rtol=1e-4, atol=1e-5)
    assert unit.norm.momentum == 0.05


def test_an_nddr_unit_starts_with_shares():
    unit = NDDRUnit(mixture_TS(5, 0.8), 2)
    y_TBDHW = unit.eval()(torch.eye(5)[:, :, None, None, None].expand(5, 5, 2, 1, 1))
    torch.testing.assert_close(
        y_TBDHW[..., 0, 0, 0].detach(), mixture_TS(5, 0.8), rtol=1e-4, atol=1e-6
    )
    assert (unit.norm.weight == 1).all()
    assert (unit.norm.bias == 0).all()


def test_identity_stitches_leave_the_single_task_networks_as_they_are():
    networks, images = single_task_networks(), make_images()
    logits = join(networks, CrossStitch, own=1.0)(images).logits
    for name, network in networks.items():
        assert torch.equal(logits[name], network(images).logits[name])


def test_stitches_mix_what_tasks_see():
    """With units as they start, every task sees the other tasks' trunks."""
    joined, images = join(single_task_networks(), CrossStitch), make_images()
    before = joined(images).logits
    nn.init.zeros_(joined.encoder.trunks[0].layer1[0].conv1.weight)
    after = joined(images).logits
    assert not any(torch.equal(before[name], after[name]) for name in CHANNELS)


@stl_encoder
def test_equal_trunks_pass_the_units_as_they_start(encoder):
    """In evaluation: NDDR's batch norms have mean 0 and variance 1, and maps are not negative."""
    networks, images = single_task_networks(equal_trunks=True), make_images()
    logits = join(networks, encoder)(images).logits
    for name, network in networks.items():
        expected = network(images).logits[name]
        assert (logits[name] - expected).abs().max() < 0.05 * expected.abs().max()
        torch.testing.assert_close(logits[name], expected, rtol=1e-2, atol=1e-2)


def test_in_training_nddr_normalises_by_the_batch_at_once():
    """So it doesn't start from the single-task networks' outputs there, which a stitch does."""
    trunk = single_task_networks(equal_trunks=True)["semseg"].encoder.trunk
    map_BDHW = trunk.layer1(trunk.stem(make_images()))
    x_TBDHW = map_BDHW.expand(3, *map_BDHW.shape)
    y_TBDHW = NDDRUnit(mixture_TS(3, 0.8), 64).train()(x_TBDHW)
    assert (y_TBDHW - x_TBDHW).abs().mean() > 0.2 * x_TBDHW.abs().mean()
    torch.testing.assert_close(CrossStitchUnit(mixture_TS(3, 0.8), 64)(x_TBDHW), x_TBDHW)


def test_masks_lie_between_0_and_1_and_differ_between_tasks():
    encoder, seen = shake(MTAN(list("ab"), pretrained=False)).eval(), {}
    for stage, of_tasks in enumerate(encoder.masks):
        for task, module in enumerate(of_tasks.values()):
            module.register_forward_hook(
                lambda _module, _inputs, mask, key=(stage, task): seen.update({key: mask})
            )
    encoder(make_images())
    assert len(seen) == 8
    for (stage, task), mask_BDHW in seen.items():
        assert 0 < mask_BDHW.min() < mask_BDHW.max() < 1
        assert mask_BDHW.shape[1] == (64, 128, 256, 512)[stage]
        assert not torch.equal(mask_BDHW, seen[stage, 1 - task])


def test_masks_of_1_leave_the_shared_map():
    """The last stage's map reaches the heads as the trunk makes it, but for the mask."""
    encoder, images = MTAN(list("ab"), pretrained=False).eval(), make_images()
    for module in encoder.masks[-1].values():
        nn.init.constant_(module[-2].weight, 0)
        nn.init.constant_(module[-2].bias, 100)
    (map_TBDHW,), _ = encoder(images)
    assert torch.equal(map_TBDHW[0], encoder.trunk(images))
    assert torch.equal(map_TBDHW[1], encoder.trunk(images))


def test_a_task_does_not_see_the_masks_of_another():
    encoder, images = MTAN(list("ab"), pretrained=False).eval(), make_images()
    (before,), _ = encoder(images)
    for of_tasks in encoder.masks:
        nn.init.normal_(of_tasks["b"][0].weight)
    (after,), _ = encoder(images)
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])


@pytest.mark.parametrize(
    "name", [n if n == "resnet18" else pytest.param(n, marks=pytest.mark.slow) for n in ENCODERS]
)
def test_eight_images_are_learnt_by_heart(name):
    """Two tasks that name every image, each in its own way; units learn 100 times as fast."""
    network = make_network(ENCODERS[name], channels={"a": 8, "b": 4}, hidden=32, dropout=0)
    labels = {"a": torch.arange(8), "b": torch.arange(8) % 4}
    images, factors = make_images(8, (32, 32)), network.encoder.learning_rates()
    groups = [{"params": [p], "lr": 0.02 * factors.get(p, 1)} for p in network.parameters()]
    optimizer = torch.optim.SGD(groups, momentum=0.9)
    losses = []
    while len(losses) < 60 and (not losses or losses[-1] >= 0.05 * losses[0]):
        logits = network(images).logits
        label_maps = {
            name: label[:, None, None].expand(8, 32, 32) for name, label in labels.items()
        }
        loss = sum(cross_entropy(logits[name], label) for name, label in label_maps.items())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]
