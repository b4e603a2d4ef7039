"""The dilated ResNet-18: stride and dilations, torchvision's as oracle, its weights from files."""

from __future__ import annotations

import urllib.error

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from mtl_ase.base.errors import UserError
from mtl_ase.model.encoders import ResNetEncoder, save_weights
from mtl_ase.model.encoders.resnet import MEAN, STD, DilatedResNet18, dilate
from tests.model.encoders.resnets import ENCODERS, make_images, shake

MEAN_C11, STD_C11 = (torch.tensor(value)[:, None, None] for value in (MEAN, STD))


@pytest.fixture(scope="module")
def original():
    """The original of torchvision, of random weights, in evaluation mode."""
    return shake(torchvision.models.resnet18()).eval()


@pytest.fixture(scope="module")
def trunk(original):
    """Ours, of the same weights."""
    trunk = DilatedResNet18().eval()
    trunk.load_state_dict(original.state_dict(), strict=False)
    return trunk


def original_stages(original, image_BCHW):
    """The maps_BDHW of torchvision's stages."""
    x = (image_BCHW / 255 - MEAN_C11) / STD_C11
    maps = [original.maxpool(original.relu(original.bn1(original.conv1(x))))]
    for layer in (original.layer1, original.layer2, original.layer3, original.layer4):
        maps.append(layer(maps[-1]))
    return maps


@pytest.mark.parametrize("size", [(64, 64), (96, 33), (72, 40)])
def test_every_cell_of_the_original_is_there_with_the_same_value(original, trunk, size):
    """Dilation looks at the cells that stride leaves, and at all others too."""
    x, kept = make_images(2, size), [1, 1, 1, 2, 4]
    for stage, expected, step in zip(
        trunk.stages(), original_stages(original, x), kept, strict=True
    ):
        x = stage(x)
        torch.testing.assert_close(x[..., ::step, ::step], expected, rtol=1e-4, atol=1e-4)


def test_a_bottleneck_is_dilated_as_torchvision_does_it():
    """There, only bottlenecks can be dilated, but basic blocks have the same pattern."""
    original = torchvision.models.resnet50(replace_stride_with_dilation=[False, True, True])
    ours = torchvision.models.resnet50()
    dilate(ours.layer3, 2)
    dilate(ours.layer4, 4)
    for (name, expected), (_, found) in zip(
        original.named_modules(), ours.named_modules(), strict=True
    ):
        if isinstance(expected, nn.Conv2d):
            for key in ("stride", "dilation", "padding"):
                assert getattr(found, key) == getattr(expected, key), (name, key)


def test_dilations(trunk):
    found = {
        name: [m.dilation[0] for m in layer.modules() if getattr(m, "kernel_size", 0) == (3, 3)]
        for name, layer in trunk.named_children()
        if name.startswith("layer")
    }
    assert found == {
        "layer1": [1, 1, 1, 1],
        "layer2": [1, 1, 1, 1],
        "layer3": [1, 2, 2, 2],
        "layer4": [2, 4, 4, 4],
    }


@pytest.mark.parametrize(("size", "grid"), [((64, 64), (8, 8)), ((224, 32), (28, 4))])
def test_the_output_stride_is_8(trunk, size, grid):
    encoder = ResNetEncoder(["a", "b"], pretrained=False)
    (map_TBDHW,), routing = encoder(make_images(1, size))
    assert map_TBDHW.shape == (2, 1, 512, *grid)
    assert encoder.feature_maps == [(512, 8)]
    assert routing == []


def test_its_size(trunk):
    assert sum(p.numel() for p in trunk.parameters()) == 11_176_512


@pytest.mark.parametrize("width", [4, 16])
def test_a_narrow_one_is_a_resnet18_whose_other_channels_are_zero(width):
    narrow, whole = shake(DilatedResNet18(width=width)).eval(), DilatedResNet18().eval()
    assert narrow.widths == (width, width, 2 * width, 4 * width, 8 * width)
    state = narrow.state_dict()
    for name, value in whole.state_dict().items():
        if value.dim():
            value.zero_()[tuple(slice(size) for size in state[name].shape)] = state[name]
    image_BCHW = make_images(2, (96, 33))
    found, expected = narrow(image_BCHW), whole(image_BCHW)
    torch.testing.assert_close(found, expected[:, : 8 * width], rtol=1e-4, atol=1e-4)
    assert not expected[:, 8 * width :].any()


def test_a_narrow_one_starts_as_a_resnet18():
    """Convolutions of variance 2 / fan-out, batch norms of weight 1."""
    narrow = DilatedResNet18(width=32)
    for name, module in narrow.named_modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            assert abs(module.weight.std() * (fan_out / 2) ** 0.5 - 1) < 0.1, name
        elif isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all(), name


@pytest.mark.parametrize("encoder", ENCODERS.values())
def test_every_encoder_can_be_narrow(encoder):
    built = encoder(["a", "b"], pretrained=False, width=8).eval()
    (map_TBDHW,), _ = built(make_images(1))
    assert map_TBDHW.shape == (2, 1, 64, 8, 8)
    assert built.feature_maps == [(64, 8)]


def test_bytes_and_floats_are_the_same_image(trunk):
    images = make_images(1)
    assert torch.equal(trunk(images), trunk(images.float()))


def test_one_map_serves_all_tasks():
    (map_TBDHW,), _ = ResNetEncoder(list("abc"), pretrained=False)(make_images())
    assert map_TBDHW.shape[0] == 3
    assert map_TBDHW.stride(0) == 0


def test_weights_are_torchvisions_by_name(original, trunk, tmp_path):
    state = original.state_dict()
    save_file(state, tmp_path / "resnet.safetensors")
    torch.save(
        {"state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "resnet.pth"
    )
    for name in ("resnet.safetensors", "resnet.pth"):
        encoder = ResNetEncoder(["a"], weights=str(tmp_path / name))
        assert encoder.source == str(tmp_path / name)
        assert encoder.trunk.state_dict().keys() == state.keys() - {"fc.weight", "fc.bias"}
        for key, value in encoder.trunk.state_dict().items():
            assert torch.equal(value, state[key]), key


def test_a_file_without_counters_of_batches_is_read(original, tmp_path):
    """Older files of torchvision have none."""
    state = {k: v for k, v in original.state_dict().items() if "num_batches" not in k}
    torch.save(state, tmp_path / "resnet.pth")
    trunk = ResNetEncoder(["a"], weights=str(tmp_path / "resnet.pth")).trunk
    assert torch.equal(trunk.layer4[1].bn2.running_var, original.layer4[1].bn2.running_var)
    assert trunk.bn1.num_batches_tracked == 0


def test_the_backbone_state_can_be_read_again(tmp_path):
    written = ResNetEncoder(["a"], pretrained=False)
    save_weights(written.backbone_state(), tmp_path / "mine.safetensors")
    read = ResNetEncoder(["a"], weights=str(tmp_path / "mine.safetensors"))
    assert torch.equal(read.trunk.conv1.weight, written.trunk.conv1.weight.half().float())


def test_published_weights(original, monkeypatch):
    asked = []

    def download(url, **arguments):
        asked.append((url, arguments))
        return original.state_dict()

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    encoder = ResNetEncoder(["a"])
    assert encoder.source == "torchvision resnet18"
    assert torch.equal(encoder.trunk.conv1.weight, original.conv1.weight)
    ((url, arguments),) = asked
    assert url.endswith("resnet18-f37072fd.pth")
    assert arguments["weights_only"]
    assert arguments["check_hash"]


def test_without_a_network_the_published_weights_are_missing(monkeypatch):
    def download(url, **arguments):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    with pytest.raises(UserError, match=r"could not be downloaded; .*weights=FILE .*pretrained=f"):
        ResNetEncoder(["a"])


def test_random_weights_have_no_source():
    assert ResNetEncoder(["a"], pretrained=False).source is None


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(torchvision.models.resnet34().state_dict(), tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"weights=.*other\.pth do not fit .* first layer1\.2\.bn1"):
        ResNetEncoder(["a"], weights=str(tmp_path / "other.pth"))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"weights=.*nothing\.pth is no file"):
        ResNetEncoder(["a"], weights=str(tmp_path / "nothing.pth"))


@pytest.mark.parametrize("name", ["resnet.safetensors", "resnet.pth"])
def test_a_damaged_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"this is no checkpoint" * 100)
    with pytest.raises(UserError, match="can't be read as a checkpoint"):
        ResNetEncoder(["a"], weights=str(tmp_path / name))
