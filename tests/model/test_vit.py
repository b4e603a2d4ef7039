"""Any plain ViT of timm as encoder. T tasks, B images, C channels, HW pixels, L tokens, D width."""

from __future__ import annotations

import pytest
import timm
import torch
from timm.data import resolve_model_data_config
from timm.models.vision_transformer import Block

from mtl_ase.base.errors import UserError
from mtl_ase.model.encoders import FeatureMap, ViTEncoder
from mtl_ase.model.encoders.vit_block import ViTBlock

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
    "vit_giant_patch14_dinov2",
    "no_such_model",
]


def patch_of(name):
    return int(name.split("_patch")[1].split("_")[0])


def make(name, grid=(4, 3), **options):
    size = [patch_of(name) * cells for cells in grid]
    given = {"pretrained": False, "task_embedding": False, "options": SMALL} | options
    return ViTEncoder(["a", "b"], name, size, **given), size


@pytest.mark.parametrize("name", PLAIN)
def test_tokens_are_timm_s(name):
    """Computed step by step the tokens are those of timm's forward_features."""
    encoder, size = make(name)
    vit = timm.create_model(name, img_size=tuple(size), num_classes=0, **SMALL).eval()
    missing, _ = vit.load_state_dict(encoder.eval().backbone_state(), strict=False)
    assert all(key.startswith(("norm.", "fc_norm.", "attn_pool.")) for key in missing)
    vit.norm = torch.nn.Identity()
    image_BCHW = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)
    mean_C, std_C = (torch.tensor(resolve_model_data_config(vit)[key]) for key in ("mean", "std"))
    x_BCHW = (image_BCHW / 255 - mean_C[:, None, None]) / std_C[:, None, None]
    (map_TBDHW,), routings = encoder(image_BCHW)
    tokens_BLD = vit.forward_features(x_BCHW)[:, vit.num_prefix_tokens :]
    expected_BDHW = tokens_BLD.mT.unflatten(-1, (4, 3))
    torch.testing.assert_close(map_TBDHW[1], expected_BDHW, rtol=1e-5, atol=1e-5)
    assert map_TBDHW.shape == (2, 2, 48, 4, 3)
    assert encoder.feature_maps == [FeatureMap(48, patch_of(name))]
    assert not routings


@pytest.mark.parametrize("name", ["vit_small_patch16_224", "vit_base_patch16_clip_224"])
def test_normalisation_is_the_model_s_own(name):
    encoder, size = make(name)
    config = timm.get_pretrained_cfg(name)
    mean_C = torch.tensor(config.mean)[:, None, None]
    std_C = torch.tensor(config.std)[:, None, None]
    seen = []
    encoder.vit.patch_embed.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
    image_BCHW = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8)
    encoder.embed(image_BCHW)
    encoder.embed(image_BCHW.float())
    torch.testing.assert_close(seen[0], (image_BCHW / 255 - mean_C) / std_C)
    assert torch.equal(seen[0], seen[1])


def test_mean_and_deviation_follow_the_model_but_not_the_checkpoint():
    encoder, _ = make("vit_small_patch16_224")
    assert not any("C11" in key for key in encoder.state_dict())
    assert encoder.to("meta").mean_C11.device.type == "meta"


@pytest.mark.parametrize("task_embedding", [True, False])
@pytest.mark.parametrize("name", PLAIN)
def test_blocks_get_tokens_whose_features_lie_side_by_side(name, task_embedding):
    """Patches come out of a convolution feature by feature, which slows all that follows."""
    encoder, size = make(name, task_embedding=task_embedding)
    seen = []
    for block in encoder.blocks:
        block.block.norm1.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
        block.block.norm2.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
    encoder(torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8))
    assert len(seen) == 2 * len(encoder.blocks)
    assert all(x_MLD.stride()[1:] == (SMALL["embed_dim"], 1) for x_MLD in seen)


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_or_not(frozen):
    encoder, _ = make("vit_small_patch16_224", frozen=frozen)
    assert {p.requires_grad for p in encoder.parameters()} == {not frozen}


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_is_no_plain_vit(name):
    with torch.device("meta"), pytest.raises(UserError, match=rf"model\.encoder.*{name}"):
        ViTEncoder(["a"], name, (224, 224), pretrained=False)


@pytest.mark.parametrize("size", [(65, 64), (64, 40), (0, 0), (8, 8)])
def test_sizes_that_patches_do_not_divide(size):
    with pytest.raises(UserError, match="size"):
        ViTEncoder(["a"], "vit_tiny_patch16_224", size, pretrained=False, options=SMALL)


def test_unknown_option():
    with pytest.raises(UserError, match=r"model\.encoder.*embed_dims"):
        ViTEncoder(
            ["a"], "vit_tiny_patch16_224", (64, 64), pretrained=False, options={"embed_dims": 8}
        )


def test_weights_that_cannot_be_downloaded(monkeypatch):
    def offline(*_args, **_options):
        raise OSError("no network")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(UserError, match=r"model\.encoder\.weights=FILE"):
        ViTEncoder(["a"], "vit_tiny_patch16_224", (64, 64))


@pytest.mark.parametrize("fused", [True, False])
def test_attention_is_computed_as_timm_s_settings_say(monkeypatch, fused):
    """Bit for bit: on CPUs training switches the fused function off."""
    monkeypatch.setattr("timm.layers.config._USE_FUSED_ATTN", int(fused))
    block = Block(48, 2, qkv_bias=True, init_values=0.1).eval()
    assert block.attn.fused_attn == fused
    x_TBLD = torch.randn(2, 3, 17, 48)
    y_TBLD, _ = ViTBlock(block)(x_TBLD)
    assert torch.equal(y_TBLD.flatten(0, 1), block(x_TBLD.flatten(0, 1)))
