"""What every option of model/decoder keeps to. T tasks, B images, D width, H W cells."""

from __future__ import annotations

import io

import pytest
import torch
from hydra.utils import instantiate

from mtl_ase.config import CONFIGS
from mtl_ase.config.value_types import check_values
from mtl_ase.model import count_parameters
from mtl_ase.model.encoders import FeatureMap
from tests.composing import composed
from tests.model.decoders.tiny import tiny_network

NAMES = sorted(path.stem for path in (CONFIGS / "model" / "decoder").glob("*.yaml"))
CHANNELS = {"parts": 3, "edge": 1}
GRID = (4, 6)
PLAIN = [FeatureMap(12, 16)]
PYRAMID = [FeatureMap(8, 4), FeatureMap(12, 8), FeatureMap(16, 16)]
every_decoder = pytest.mark.parametrize("name", NAMES)


def build(name, feature_maps=PLAIN, seed=0):
    torch.manual_seed(seed)
    make = instantiate(composed("setting=scenes", f"model/decoder={name}").model.decoder)
    return make(feature_maps=feature_maps, channels=CHANNELS)


def maps_for(feature_maps=PLAIN, num_images=2):
    """Random maps of an image whose coarsest map has the grid's size."""
    coarsest = feature_maps[-1].stride
    sizes = [(map_.width, coarsest // map_.stride) for map_ in feature_maps]
    return [
        torch.randn(len(CHANNELS), num_images, width, factor * GRID[0], factor * GRID[1])
        for width, factor in sizes
    ]


def loss_of(logits):
    return sum(value.square().mean() for value in logits.values())


@every_decoder
def test_the_values_of_the_config_fit_the_constructor(name):
    check_values(composed("setting=scenes", f"model/decoder={name}"), "model")


@every_decoder
@pytest.mark.parametrize("feature_maps", [PLAIN, PYRAMID], ids=["plain", "pyramid"])
def test_every_task_gets_its_channels_at_the_maps_shape(name, feature_maps):
    logits, _ = build(name, feature_maps)(maps_for(feature_maps))
    assert list(logits) == list(CHANNELS)
    for task, channels in CHANNELS.items():
        num_images, found, height, width = logits[task].shape
        assert (num_images, found) == (2, channels)
        assert height >= GRID[0]
        assert height * GRID[1] == width * GRID[0]


@every_decoder
def test_a_router_decides_for_every_task_and_only_its_logits_have_gradient(name):
    _, routings = build(name)(maps_for())
    assert len({routing.layer for routing in routings}) == len(routings)
    for routing in routings:
        assert routing.site == "decoder"
        for value in (routing.logits_TBLE, routing.gate_TBLE):
            assert value.dim() == 4
            assert value.shape[0] == len(CHANNELS)
            assert value.shape[1] in (1, 2)
            assert value.shape[2] in (1, GRID[0] * GRID[1])
        assert routing.logits_TBLE.requires_grad
        assert not routing.gate_TBLE.requires_grad


@every_decoder
def test_every_parameter_learns_within_two_steps(name):
    decoder, maps = build(name), maps_for()
    waiting = dict(decoder.named_parameters())
    optimizer = torch.optim.SGD(decoder.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        loss_of(decoder(maps)[0]).backward()
        optimizer.step()
        waiting = {key: p for key, p in waiting.items() if p.grad is None or not p.grad.any()}
    assert not waiting


@every_decoder
def test_the_maps_of_all_tasks_get_a_gradient(name):
    maps = [map_.requires_grad_() for map_ in maps_for(PYRAMID)]
    loss_of(build(name, PYRAMID)(maps)[0]).backward()
    used = [map_ for map_ in maps if map_.grad is not None]
    assert used
    for map_ in used:
        assert all(of_task.any() for of_task in map_.grad)


@every_decoder
def test_private_parameters_get_no_gradient_from_other_tasks(name):
    decoder, maps = build(name), maps_for()
    for learning in CHANNELS:
        decoder.zero_grad()
        decoder(maps)[0][learning].square().mean().backward()
        for task, parameters in decoder.of_tasks().items():
            learnt = [p for p in parameters if p.grad is not None and p.grad.any()]
            assert bool(learnt) == (task == learning)


@every_decoder
def test_private_parameters_belong_to_one_task(name):
    decoder = build(name)
    private = [p for parameters in decoder.of_tasks().values() for p in parameters]
    assert set(decoder.of_tasks()) <= set(CHANNELS)
    assert len(set(private)) == len(private)
    assert set(private) <= set(decoder.parameters())


@every_decoder
def test_components_hold_every_parameter_once(name):
    decoder = build(name)
    counted = [p for parameters in decoder.components().values() for p in parameters]
    assert len(counted) == len(set(counted))
    assert set(counted) == set(decoder.parameters())
    assert set(decoder.embeddings()) <= set(counted)


@every_decoder
def test_a_saved_decoder_gives_the_same_logits(name):
    decoder, other, maps = build(name), build(name, seed=1).eval(), maps_for()
    decoder(maps)  # moves the running means of batch norms
    decoder.eval()
    file = io.BytesIO()
    torch.save(decoder.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    with torch.no_grad():
        for task, logits_BCHW in decoder(maps)[0].items():
            assert torch.equal(logits_BCHW, other(maps)[0][task])


@every_decoder
@torch.no_grad()
def test_images_do_not_meet_in_evaluation(name):
    decoder, maps = build(name).eval(), maps_for(num_images=3)
    order = torch.tensor([2, 0, 1])
    logits, _ = decoder(maps)
    permuted, _ = decoder([map_[:, order] for map_ in maps])
    for task in CHANNELS:
        torch.testing.assert_close(permuted[task], logits[task][order], rtol=1e-4, atol=1e-5)


@every_decoder
@pytest.mark.slow
def test_runs_in_16_bit(name):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, routings = build(name)(maps_for())
        loss_of(logits).backward()
    assert all(value.isfinite().all() for value in logits.values())
    assert all(routing.logits_TBLE.dtype == torch.float32 for routing in routings)


@every_decoder
@pytest.mark.parametrize("adapter", ["none", "ase"])
def test_runs_in_a_network(name, adapter):
    choices = (f"model/decoder={name}", f"model/adapter={adapter}")
    network = tiny_network(*choices, channels=CHANNELS)
    image_BCHW = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    logits, routing = network(image_BCHW)
    assert {task: tuple(value.shape) for task, value in logits.items()} == {
        task: (2, channels, 64, 64) for task, channels in CHANNELS.items()
    }
    loss_of(logits).backward()
    sites = [(decided.site, decided.layer) for decided in routing]
    assert len(set(sites)) == len(sites)
    total = sum(count.total for count in count_parameters(network).values())
    assert total == sum(parameter.numel() for parameter in network.parameters())


@every_decoder
def test_a_private_slice_gets_no_gradient_from_other_tasks(name):
    decoder, maps = build(name), maps_for()
    assert all(len(parameter) == len(CHANNELS) for parameter in decoder.private())
    for index, learning in enumerate(CHANNELS):
        decoder.zero_grad()
        decoder(maps)[0][learning].square().mean().backward()
        for parameter in decoder.private():
            others = [other for other in range(len(CHANNELS)) if other != index]
            assert not parameter.grad[others].any()
