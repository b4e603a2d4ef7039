"""Which adapter comes to which site of an encoder, and what is refused. T tasks, D width."""

from __future__ import annotations

import re
from functools import partial

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.model.adapters import Adapter, LoRA
from mtl_ase.model.decoders import LightHead, OneHeadATask
from mtl_ase.model.encoders import Encoder, FeatureMap, ViTEncoder
from mtl_ase.model.network import sites_of

CHANNELS = {"a": 2, "b": 1}
NAMES = ["qkv", "proj", "fc1", "fc2", "ffn"]
lora = partial(LoRA, rank=2, alpha=2.0)


class Plain(Encoder):
    """An encoder without sites: a mean of every 16 x 16 pixels, the same for all tasks."""

    feature_maps = (FeatureMap(3, 16),)

    def __init__(self, tasks):
        super().__init__()
        self.tasks = tasks

    def forward(self, image_BCHW):
        """The map, once a task."""
        map_BDHW = torch.nn.functional.avg_pool2d(image_BCHW.float(), 16)
        return [map_BDHW.expand(len(self.tasks), *map_BDHW.shape)], []


class Siteless(Adapter):
    """An adapter that forgot the keyword `sites`."""

    def __init__(self, site):
        super().__init__(site)

    def forward(self, x_TBLD):
        """Nothing."""
        return 0 * x_TBLD, None


vit = partial(
    ViTEncoder,
    name="vit_tiny_patch16_224",
    image_size=(32, 48),
    pretrained=False,
    options={"embed_dim": 48, "depth": 2, "num_heads": 2},
)


def network(adapter=None, second=None, encoder=vit):
    decoder = partial(OneHeadATask, head=partial(LightHead, hidden=4))
    return MultiTaskNetwork(CHANNELS, encoder, decoder, adapter, second)


def attached(built):
    """(layer, site) of every adapter, as they were attached."""
    return [(a.site.layer, a.site.name) for b in built.encoder.blocks for a in b.adapters.values()]


def test_sites_come_in_the_order_of_the_forward_pass():
    encoder = vit(tasks=list(CHANNELS))
    assert [(s.layer, s.name) for s in encoder.sites()] == [(i, n) for i in (0, 1) for n in NAMES]


def test_a_site_knows_its_place():
    encoder = vit(tasks=list(CHANNELS))
    for site in encoder.sites():
        linear = encoder.blocks[site.layer].linears().get(site.name)
        assert (site.num_layers, site.num_tasks, site.grid_hw, site.num_prefix) == (2, 2, (2, 3), 1)
        assert site.weight_OD is (None if linear is None else linear.weight)
        expected = (48, 48) if linear is None else (linear.in_features, linear.out_features)
        assert (site.width_in, site.width_out) == expected


@pytest.mark.parametrize("site", NAMES)
def test_an_adapter_sees_the_tokens_of_its_site(site):
    built = network(partial(lora, sites=[site]))
    seen = []
    for block in built.encoder.blocks:
        block.adapters[site].register_forward_hook(
            lambda module, args, output: seen.append((module.site, args[0].shape, output[0].shape))
        )
    built(torch.zeros(2, 3, 32, 48))
    assert [place.layer for place, _, _ in seen] == [0, 1]
    for place, shape_in, shape_out in seen:
        assert shape_in == (2, 2, 7, place.width_in)
        assert shape_out == (2, 2, 7, place.width_out)


def test_sites_are_read_off_the_signature():
    assert list(sites_of(LoRA)) == ["qkv", "proj", "fc1", "fc2"]
    assert list(sites_of(partial(LoRA, sites=["qkv"]))) == ["qkv"]


def test_an_adapter_stands_where_its_sites_say():
    assert attached(network(partial(lora, sites=["ffn", "qkv"]))) == [
        (0, "qkv"),
        (0, "ffn"),
        (1, "qkv"),
        (1, "ffn"),
    ]
    assert attached(network()) == []


def test_two_adapters_share_the_sites():
    built = network(partial(lora, rank=3, sites=["ffn"]), partial(lora, sites=["fc1"]))
    for block in built.encoder.blocks:
        assert block.adapters["ffn"].down_RD.shape == (3, 48)
        assert block.adapters["fc1"].down_RD.shape == (2, 48)


@pytest.mark.parametrize("key", ["model.adapter", "model.lora"])
def test_a_site_that_the_encoder_has_not(key):
    wrong = partial(lora, sites=["qkv", "attn"])
    adapters = (wrong, None) if key == "model.adapter" else (None, wrong)
    sentence = f"{key}.sites names 'attn', but ViTEncoder has the sites qkv, proj, fc1, fc2, ffn;"
    with pytest.raises(UserError, match=re.escape(sentence)):
        network(*adapters)


def test_both_adapters_at_one_site():
    with pytest.raises(
        UserError,
        match=r"model\.adapter and model\.lora both ask for the site 'fc1'; .*lora\.sites=",
    ):
        network(partial(lora, sites=["fc1"]), partial(lora, sites=["qkv", "fc1"]))


def test_no_sites_at_all():
    with pytest.raises(UserError, match=r"model\.lora\.sites is empty, .* model\.lora=null"):
        network(second=partial(lora, sites=[]))


def test_an_adapter_that_does_not_say_where():
    with pytest.raises(UserError, match="Siteless does not say at which sites it is built"):
        network(Siteless)


def test_an_encoder_without_sites():
    assert network(encoder=Plain)(torch.zeros(2, 3, 32, 48)).logits["a"].shape == (2, 2, 32, 48)
    with pytest.raises(UserError, match="Plain has no sites for one; choose model/adapter=none"):
        network(lora, encoder=Plain)
    with pytest.raises(UserError, match="Plain takes no adapters; choose model/adapter=none"):
        Plain([]).attach(None)


@pytest.mark.parametrize("options", [{}, {"class_token": False}, {"patch_size": 8}])
def test_feature_maps_have_the_shapes_that_are_declared(options):
    encoder = vit(tasks=list(CHANNELS), options=vit.keywords["options"] | options)
    maps, routing = encoder(torch.zeros(2, 3, 32, 48))
    assert routing == []
    assert len(maps) == len(encoder.feature_maps)
    for map_TBDHW, (width, stride) in zip(maps, encoder.feature_maps, strict=True):
        assert map_TBDHW.shape == (2, 2, width, 32 // stride, 48 // stride)


def test_tasks_share_one_pass_only_if_nothing_tells_them_apart():
    assert network(lora, encoder=partial(vit, task_embedding=False)).encoder.shares_pass
    assert not network(lora).encoder.shares_pass
