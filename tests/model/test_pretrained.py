"""Weights of a backbone in a local file: written, read, resampled to another grid, refused."""

from __future__ import annotations

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from timm.layers import resample_abs_pos_embed
from timm.models.vision_transformer import checkpoint_filter_fn
from torch.nn.functional import interpolate

from mtl_ase.base.errors import UserError
from mtl_ase.model.encoders import ViTEncoder, save_weights

NAMES = [
    "vit_tiny_patch16_224",
    "vit_small_patch14_reg4_dinov2",
    "vit_base_patch16_gap_224",
    "vit_base_patch16_clip_224",
]


def make(name="vit_tiny_patch16_224", grid=(4, 4), weights=None, positions=None, **options):
    patch = int(name.split("_patch")[1].split("_")[0])
    sizes = {"embed_dim": 48, "depth": 2, "num_heads": 2} | options
    size = [patch * cells for cells in grid]
    more = {} if positions is None else {"position_resampling": positions}
    return ViTEncoder(["a"], name, size, pretrained=False, weights=weights, options=sizes, **more)


@pytest.fixture
def saved(tmp_path):
    """A function that writes a backbone's weights and gives their path."""

    def save(backbone):
        path = tmp_path / "vit.safetensors"
        save_weights(backbone.backbone_state(), path)
        return str(path)

    return save


@pytest.mark.parametrize("name", NAMES)
def test_round_trip(saved, name):
    written = make(name)
    read = make(name, weights=saved(written))
    state = read.backbone_state()
    assert state.keys() == written.backbone_state().keys()
    for key, value in written.backbone_state().items():
        assert torch.equal(state[key], value.half().float()), key


@pytest.mark.parametrize("grid", [(4, 4), (2, 6)])
def test_round_trip_at_any_shape_of_image(saved, grid):
    written = make(grid=grid)
    read = make(grid=grid, weights=saved(written))
    assert torch.equal(read.vit.pos_embed, written.vit.pos_embed.half().float())


def test_files_hold_half_precision(saved):
    assert {value.dtype for value in load_file(saved(make())).values()} == {torch.float16}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("grid", [(6, 6), (3, 5), (2, 2)])
def test_position_embeddings_are_resampled(saved, name, grid):
    written = make(name)
    read = make(name, grid=grid, weights=saved(written))
    prefix = 0 if written.vit.no_embed_class else written.num_prefix
    expected = resample_abs_pos_embed(
        written.vit.pos_embed.half().float(), list(grid), [4, 4], num_prefix_tokens=prefix
    )
    torch.testing.assert_close(read.vit.pos_embed, expected, rtol=1e-3, atol=1e-5)
    others = {key: v for key, v in written.backbone_state().items() if key != "pos_embed"}
    assert all(torch.equal(read.backbone_state()[k], v.half().float()) for k, v in others.items())


def bilinear(pos_embed_1LD, prefix, grid):
    """What SETR and M3ViT do to a grid of 4 x 4, by torch alone."""
    patches_1DHW = pos_embed_1LD[:, prefix:].mT.unflatten(-1, (4, 4))
    patches_1DHW = interpolate(patches_1DHW, grid, mode="bilinear", align_corners=False)
    return torch.cat([pos_embed_1LD[:, :prefix], patches_1DHW.flatten(2).mT], 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("grid", [(6, 6), (3, 5), (2, 2), (4, 4)])
def test_position_embeddings_are_resampled_bilinearly_if_asked(saved, name, grid):
    written = make(name)
    path = saved(written)
    prefix = 0 if written.vit.no_embed_class else written.num_prefix
    read = make(name, grid, path, positions="bilinear").backbone_state()
    stored_1LD = written.vit.pos_embed.half().float()
    expected = bilinear(stored_1LD, prefix, grid)
    torch.testing.assert_close(read.pop("pos_embed"), expected, rtol=1e-3, atol=1e-5)
    usual = make(name, grid, path).backbone_state()
    assert torch.equal(
        make(name, grid, path, positions="bicubic").vit.pos_embed, usual["pos_embed"]
    )
    timm_s = checkpoint_filter_fn(load_file(path), make(name, grid).vit)
    assert torch.equal(usual.pop("pos_embed"), timm_s["pos_embed"].float())
    assert all(torch.equal(read[key], value) for key, value in usual.items())


@pytest.mark.parametrize("positions", ["bicubic", "bilinear"])
def test_published_weights_are_resampled_as_asked(tmp_path, monkeypatch, positions):
    """Timm's own loading, from a local file in place of a download; configs can't ask for that."""
    monkeypatch.setattr("mtl_ase.model.encoders.plain_vit._check_source", lambda *_: None)
    small = {"embed_dim": 48, "depth": 2, "num_heads": 2}
    written = timm.create_model("vit_tiny_patch16_224", img_size=(64, 64), num_classes=0, **small)
    save_file(written.state_dict(), tmp_path / "vit.safetensors")
    overlay = {"file": str(tmp_path / "vit.safetensors"), "num_classes": 0}
    options = small | {"pretrained_cfg_overlay": overlay}
    read = ViTEncoder(
        ["a"], "vit_tiny_patch16_224", (96, 48), options=options, position_resampling=positions
    ).backbone_state()
    timm_s = timm.create_model(
        "vit_tiny_patch16_224", pretrained=True, img_size=(96, 48), num_classes=0, **options
    ).state_dict()
    expected = timm_s["pos_embed"]
    if positions == "bilinear":
        expected = bilinear(written.pos_embed, 1, (6, 3))
    torch.testing.assert_close(read.pop("pos_embed"), expected, rtol=1e-3, atol=1e-5)
    assert all(torch.equal(value, timm_s[key]) for key, value in read.items())


def test_published_weights_that_timm_resamples_itself_are_refused(tmp_path, monkeypatch):
    """Files of the first ViT (npz) never come to the filter: bilinear would silently be bicubic."""
    monkeypatch.setattr("mtl_ase.model.encoders.plain_vit._check_source", lambda *_: None)
    monkeypatch.setattr("timm.models.vision_transformer.VisionTransformer.load_pretrained", print)
    overlay = {"file": str(tmp_path / "vit.npz"), "custom_load": True}
    options = {"embed_dim": 48, "depth": 2, "num_heads": 2, "pretrained_cfg_overlay": overlay}
    with pytest.raises(UserError, match="bilinear is not possible for these published"):
        ViTEncoder(
            ["a"], "vit_tiny_patch16_224", (96, 48), options=options, position_resampling="bilinear"
        )


def test_a_smooth_embedding_stays_what_it_is_at_another_size(saved):
    """Column w of 4 and the place between columns of 8 that it covers hold about the same."""
    written = make()
    with torch.no_grad():
        written.vit.pos_embed[:] = 0
        written.vit.pos_embed[0, 1:, 0] = torch.linspace(0, 3, 4).repeat(4)
    read = make(grid=(8, 8), weights=saved(written))
    columns_W = read.vit.pos_embed[0, 1:, 0].view(8, 8).mean(0)
    pairs_W = columns_W.view(4, 2).mean(1)
    torch.testing.assert_close(pairs_W, torch.linspace(0, 3, 4), rtol=0, atol=0.15)


def test_classifier_and_final_norm_in_the_file_are_left_out(tmp_path):
    state = make().backbone_state() | {
        "head.weight": torch.zeros(10, 48),
        "head.bias": torch.zeros(10),
        "norm.weight": torch.ones(48),
        "norm.bias": torch.zeros(48),
    }
    save_file(state, tmp_path / "vit.safetensors")
    make(weights=str(tmp_path / "vit.safetensors"))


def test_pytorch_files_are_read_too(tmp_path):
    written = make()
    torch.save({"state_dict": written.backbone_state()}, tmp_path / "vit.pth")
    read = make(weights=str(tmp_path / "vit.pth"))
    assert torch.equal(read.vit.cls_token, written.vit.cls_token)


@pytest.mark.parametrize(
    ("options", "count"), [({"depth": 3}, 12), ({"embed_dim": 32}, None), ({"mlp_ratio": 2}, 6)]
)
def test_weights_of_another_network(saved, options, count):
    number = count or r"\d+"
    with pytest.raises(UserError, match=rf"does not fit the backbone: {number} weights differ"):
        make(weights=saved(make()), **options)


def test_weights_that_are_missing_in_the_file(saved):
    with pytest.raises(UserError, match=r"12 weights differ, first blocks\.2"):
        make(weights=saved(make()), depth=3)


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"model\.encoder\.weights=.*nothing\.pth is no file"):
        make(weights=str(tmp_path / "nothing.pth"))


def test_name_that_does_not_ship():
    with pytest.raises(UserError, match="ships with the package"):
        make(weights="vit_of_dreams")


@pytest.mark.parametrize("name", ["vit.safetensors", "vit.pth"])
def test_a_damaged_file_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"this is no checkpoint" * 100)
    with pytest.raises(UserError, match="can't be read as a checkpoint"):
        make(weights=str(path))


def test_a_file_without_weights_is_refused(tmp_path):
    path = tmp_path / "vit.pth"
    torch.save(torch.zeros(3), path)
    with pytest.raises(UserError, match="can't be read as a checkpoint"):
        make(weights=str(path))
