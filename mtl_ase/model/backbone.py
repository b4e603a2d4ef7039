"""The backbone: a plain ViT of timm, split into patch embedding and blocks.

Legend: B images, C channels, H W pixels, L tokens, D width.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, cast

import timm
import torch
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn

from mtl_ase.base.bounds import Size
from mtl_ase.base.errors import UserError
from mtl_ase.model.pretrained import Resampling, load_bilinear_positions, load_weights


class ViTBackbone(nn.Module):
    """A plain vision transformer without its final norm and classifier.

    Images come as bytes or floats in 0..255 and are normalised here, by the mean and standard
    deviation the weights were trained with. Position embeddings are resampled to `image_size`:
    "bicubic" as timm does, antialiased, or "bilinear" as SETR (arXiv 2012.15840) and M3ViT do, by
    torch's interpolate without antialiasing.

    Args:
        name: a plain ViT that timm knows, e.g. "vit_base_patch16_224".
        image_size: (H, W) of the input, multiples of the patch size.
        pretrained: load timm's published weights (downloaded on first use).
        weights: a local checkpoint instead; a bare name means one that ships with the package.
        frozen: freeze the weights (only adapters are trained), or train all of them.
        options: arguments for timm's constructor, e.g. depth or embed_dim.
        position_resampling: "bicubic" or "bilinear".

    Raises:
        UserError: not a plain ViT, weights that can't be loaded or don't match, or an image size
            that is no multiple of the patch size.
    """

    def __init__(
        self,
        name: str,
        image_size: Size,
        pretrained: bool = True,
        weights: str | None = None,
        frozen: bool = True,
        options: Mapping[str, Any] | None = None,
        position_resampling: Resampling = "bicubic",
    ) -> None:
        super().__init__()
        download = pretrained and weights is None
        vit = _create(name, tuple(image_size), download, dict(options or {}))
        if download and position_resampling == "bilinear":
            load_bilinear_positions(vit)
        if weights is not None:
            load_weights(vit, weights, position_resampling)
        self.source = weights if weights is not None else f"timm {name}" if download else None
        """Source of the weights; None: random initialisation."""
        self.frozen = frozen
        self.vit = vit.requires_grad_(not frozen)
        self.width: int = vit.embed_dim
        self.num_prefix: int = vit.num_prefix_tokens
        self.grid_hw: tuple[int, int] = vit.patch_embed.grid_size
        self.mean_C11: Tensor
        self.std_C11: Tensor
        for key in ("mean", "std"):
            value_C = 255 * torch.tensor(vit.pretrained_cfg[key])  # type: ignore[index]
            self.register_buffer(f"{key}_C11", value_C[:, None, None], persistent=False)

    def take_blocks(self) -> list[Block]:
        """Remove and return the transformer blocks; `MultiTaskNetwork` adapts and runs them."""
        blocks = cast(list[Block], list(self.vit.blocks))
        self.vit.blocks = nn.Sequential()
        return blocks

    def embed(self, image_BCHW: Tensor) -> Tensor:
        """Tokens x_BLD before the first block: patches, prefix tokens, position embeddings."""
        x_BCHW = (image_BCHW.float() - self.mean_C11) / self.std_C11
        weight = self.vit.patch_embed.proj.weight
        x_BCHW = x_BCHW.to(weight.dtype)  # 16-bit with the trainer's "*-true" precisions
        tokens = self.vit._pos_embed(self.vit.patch_embed(x_BCHW))
        x_BLD: Tensor = self.vit.norm_pre(tokens)
        return x_BLD

    def to_map(self, x_BLD: Tensor) -> Tensor:
        """Patch tokens as a feature map_BDHW; prefix tokens are dropped."""
        return x_BLD[:, self.num_prefix :].mT.unflatten(-1, self.grid_hw)


def _check_source(name: str, options: dict[str, Any]) -> None:
    """Allow no other sources of code and weights than timm's own and `model.backbone.weights`.

    timm accepts names like hf_hub:USER/MODEL and local-dir:FOLDER, and options with a file, a URL
    or a download folder.

    Raises:
        UserError: the name or an option asks for one.
    """
    if ":" in name:
        raise UserError(
            f"model.backbone.name={name!r} names a source of weights; give one of "
            "timm.list_models('vit_*'), and a local file with model.backbone.weights=FILE."
        )
    known = inspect.signature(VisionTransformer).parameters
    if unknown := sorted(options.keys() - known.keys()):
        raise UserError(
            f"model.backbone.options.{unknown[0]} is no argument of timm's VisionTransformer; "
            f"there are {', '.join(known)}."
        )


def _create(
    name: str, image_size: tuple[int, ...], download: bool, options: dict[str, Any]
) -> VisionTransformer:
    _check_source(name, options)
    shape: dict[str, Any] = {"img_size": image_size, "num_classes": 0, "global_pool": ""}
    try:
        vit = timm.create_model(name, pretrained=download, **shape, **options)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise UserError(
            f"model.backbone: timm can't build {name!r} for image size {image_size}: {error}; "
            "choose a name from timm.list_models('vit_*') and a size its patches divide."
        ) from error
    except OSError as error:
        raise UserError(
            f"model.backbone: the published weights of {name!r} could not be downloaded; give a "
            "local file with model.backbone.weights=FILE or start from random weights with "
            "model.backbone.pretrained=false."
        ) from error
    if not isinstance(vit, VisionTransformer) or not all(type(b) is Block for b in vit.blocks):
        raise UserError(
            f"model.backbone.name={name!r} is not a plain ViT (timm VisionTransformer with "
            "standard blocks); choose e.g. vit_base_patch16_224."
        )
    patch_hw = vit.patch_embed.feat_ratio(as_scalar=False)
    if any(size % patch for size, patch in zip(image_size, patch_hw, strict=True)):
        raise UserError(
            f"data.image_size={list(image_size)} is no multiple of the patch size {patch_hw} of "
            f"{name!r}; choose another size."
        )
    vit.norm = nn.Identity()
    return vit
