"""Builds a plain ViT of timm, with or without pretrained weights."""

from __future__ import annotations

import inspect
from typing import Any

import timm
from timm.layers.attention import Attention
from timm.layers.mlp import Mlp
from timm.models.vision_transformer import Block, VisionTransformer
from torch import nn

from mtl_ase.base.errors import UserError


def create_vit(
    name: str, image_size: tuple[int, ...], download: bool, options: dict[str, Any]
) -> VisionTransformer:
    """A plain vision transformer of timm without final norm and classifier.

    Args:
        name: of the model, see `ViTEncoder`.
        image_size: (H, W) of the input.
        download: load timm's published weights.
        options: arguments for timm's constructor.

    Raises:
        UserError: not a plain ViT, weights that can't be downloaded, or a size that is no multiple
            of the patch size.
    """
    _check_source(name, options)
    shape: dict[str, Any] = {"img_size": image_size, "num_classes": 0, "global_pool": ""}
    try:
        vit = timm.create_model(name, pretrained=download, **shape, **options)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise UserError(
            f"model.encoder: timm can't build {name!r} for image size {image_size}: {error}; "
            "choose a name from timm.list_models('vit_*') and a size its patches divide."
        ) from error
    except OSError as error:
        raise UserError(
            f"model.encoder: the published weights of {name!r} could not be downloaded; give a "
            "local file with model.encoder.weights=FILE or start from random weights with "
            "model.encoder.pretrained=false."
        ) from error
    if not isinstance(vit, VisionTransformer) or not all(map(_is_plain, vit.blocks)):
        raise UserError(
            f"model.encoder.name={name!r} is not a plain ViT (timm VisionTransformer with "
            "standard blocks); choose e.g. vit_base_patch16_224."
        )
    patch_hw = vit.patch_embed.feat_ratio(as_scalar=False)
    if any(size < 1 or size % patch for size, patch in zip(image_size, patch_hw, strict=True)):
        raise UserError(
            f"data.image_size={list(image_size)} is no multiple of the patch size {patch_hw} of "
            f"{name!r}; choose another size."
        )
    vit.norm = nn.Identity()
    return vit


def _is_plain(block: nn.Module) -> bool:
    """Whether `ViTBlock` computes what this block computes."""
    return (
        type(block) is Block
        and type(block.attn) is Attention
        and block.attn.gate is None
        and type(block.mlp) is Mlp
    )


def _check_source(name: str, options: dict[str, Any]) -> None:
    """Allow no other sources of code and weights than timm's own and `model.encoder.weights`.

    timm accepts names like hf_hub:USER/MODEL and local-dir:FOLDER, and options with a file, a URL
    or a download folder.

    Raises:
        UserError: the name or an option asks for one.
    """
    if ":" in name:
        raise UserError(
            f"model.encoder.name={name!r} names a source of weights; give one of "
            "timm.list_models('vit_*'), and a local file with model.encoder.weights=FILE."
        )
    known = inspect.signature(VisionTransformer).parameters
    if unknown := sorted(options.keys() - known.keys()):
        raise UserError(
            f"model.encoder.options.{unknown[0]} is no argument of timm's VisionTransformer; "
            f"there are {', '.join(known)}."
        )
