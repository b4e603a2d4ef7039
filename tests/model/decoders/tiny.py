"""The tiny networks that configs name."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from hydra.utils import instantiate

from mtl_ase.model import MultiTaskNetwork
from tests.composing import composed


def tiny_network(*overrides: str, channels: Mapping[str, int]) -> MultiTaskNetwork:
    """The network of a config on the scenes' setting, with a tiny ViT for 64 x 64 pixels."""
    torch.manual_seed(0)
    config = composed(
        "setting=scenes",
        "model.encoder.weights=null",
        "model.encoder.options={patch_size:16,embed_dim:48,depth:2,num_heads:2}",
        "data.image_size=[64,64]",
        *overrides,
    )
    network: MultiTaskNetwork = instantiate(config.model, channels=channels)
    return network
