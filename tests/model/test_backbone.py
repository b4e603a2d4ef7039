"""Any plain ViT of timm as backbone. B images, C channels, HW pixels, L tokens, D width."""

from __future__ import annotations

import pytest
import timm
import torch
from timm.data import resolve_model_data_config

from mtl_ase.base.errors import UserError
from mtl_ase.model import LightHead, MultiTaskNetwork, ViTBackbone

SMALL = {"embed_dim": 48, "depth": 2, "num_heads": 2}
PLAIN = {
    "vit_small_patch16_224": "the usual",
    "vit_base_patch8_224": "small patches",
    "vit_base_patch32_224": "large patches",
    "vit_base_patch16_gap_224": "no class token",
    "vit_small_patch14_dinov2": "layer scale, patches of 14",
    "vit_small_patch14_reg4_dinov2": "registers, class token without position",
    "vit_base_patch16_clip_224": "norm before the blocks, other mean and deviation",
    "vit_base_patch16_siglip_224": "no class token",
    "vit_little_patch16_reg4_gap_256": "registers, no class token, layer scale",
    "deit3_small_patch16_224": "layer scale, no position for the class token",
}
NOT_PLAIN = [
    "resnet18",
    "swin_tiny_patch4_window7_224",
    "vit_relpos_small_patch16_224",
    "vit_small_patch16_18x2_224",
    "vit_small_patch16_dinov3",
    "deit_tiny_distilled_patch16_224",
    "no_such_model",
]


def patch_of(name):
    return int(name.split("_patch")[1].split("_")[0])


def make(name, grid=(4, 3), **options):
    size = [patch_of(name) * cells for cells in grid]
    return ViTBackbone(name, size, pretrained=False, options=SMALL, **options), size


@pytest.mark.parametrize("name", PLAIN)
def test_tokens_are_timm_s(name):
    """Through embed, our blocks and to_map the tokens are those of timm's forward_features."""
    backbone, size = make(name)
    vit = timm.create_model(name, img_size=tuple(size), num_classes=0, **SMALL).eval()
    missing, _ = vit.load_state_dict(backbone.vit.state_dict(), strict=False)
    assert all(key.startswith(("norm.", "fc_norm.", "attn_pool.")) for key in missing)
    vit.norm = torch.nn.Identity()
    network = MultiTaskNetwork({"a": 2, "b": 1}, backbone, LightHead, task_embedding=False).eval()
    image_BCHW = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)
    mean_C, std_C = (torch.tensor(resolve_model_data_config(vit)[key]) for key in ("mean", "std"))
    x_BCHW = (image_BCHW / 255 - mean_C[:, None, None]) / std_C[:, None, None]
    x_TBLD, _ = network.encode(image_BCHW)
    torch.testing.assert_close(x_TBLD[1], vit.forward_features(x_BCHW), rtol=1e-5, atol=1e-5)
    assert backbone.to_map(x_TBLD[0]).shape == (2, 48, 4, 3)
    assert network(image_BCHW).logits["a"].shape == (2, 2, *size)


@pytest.mark.parametrize("name", ["vit_small_patch16_224", "vit_base_patch16_clip_224"])
def test_normalisation_is_the_model_s_own(name):
    backbone, size = make(name)
    config = timm.get_pretrained_cfg(name)
    mean_C = torch.tensor(config.mean)[:, None, None]
    std_C = torch.tensor(config.std)[:, None, None]
    seen = []
    backbone.vit.patch_embed.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
    image_BCHW = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8)
    backbone.embed(image_BCHW)
    backbone.embed(image_BCHW.float())
    torch.testing.assert_close(seen[0], (image_BCHW / 255 - mean_C) / std_C)
    assert torch.equal(seen[0], seen[1])


def test_mean_and_deviation_follow_the_model_but_not_the_checkpoint():
    backbone, _ = make("vit_small_patch16_224")
    assert not any("C11" in key for key in backbone.state_dict())
    assert backbone.to("meta").mean_C11.device.type == "meta"


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_or_not(frozen):
    backbone, _ = make("vit_small_patch16_224", frozen=frozen)
    assert {p.requires_grad for p in backbone.parameters()} == {not frozen}


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_is_no_plain_vit(name):
    with pytest.raises(UserError, match=rf"model\.backbone.*{name}"):
        ViTBackbone(name, (224, 224), pretrained=False)


@pytest.mark.parametrize("size", [(65, 64), (64, 40), (0, 0), (8, 8)])
def test_sizes_that_patches_do_not_divide(size):
    with pytest.raises(UserError, match="size"):
        ViTBackbone("vit_tiny_patch16_224", size, pretrained=False, options=SMALL)


def test_unknown_option():
    with pytest.raises(UserError, match=r"model\.backbone.*embed_dims"):
        ViTBackbone("vit_tiny_patch16_224", (64, 64), pretrained=False, options={"embed_dims": 8})


def test_weights_that_cannot_be_downloaded(monkeypatch):
    def offline(*_args, **_options):
        raise OSError("no network")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(UserError, match=r"model\.backbone\.weights=FILE"):
        ViTBackbone("vit_tiny_patch16_224", (64, 64))
