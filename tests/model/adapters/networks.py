"""Shipped adapters, at a site made by hand and in a tiny network. T tasks, B images."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from mtl_ase.config import CONFIGS
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.model.decoders import LightHead, OneHeadATask
from mtl_ase.model.encoders import ViTEncoder

CHANNELS = {"semseg": 4, "depth": 1, "normals": 3}
OPTIONS = {"embed_dim": 48, "depth": 2, "num_heads": 2}


def shipped(name, **changes):
    """What builds the adapter of `configs/model/adapter/NAME.yaml` at a site."""
    config = OmegaConf.load(Path(CONFIGS) / "model" / "adapter" / f"{name}.yaml")
    return partial(instantiate(config.adapter, _convert_="all"), **changes)


def trained(adapter, seed=1):
    """The adapter with every parameter moved at random, in float64 and evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    adapter = adapter.double().eval()
    with torch.no_grad():
        for value in adapter.parameters():
            value += 0.2 * torch.randn(value.shape, generator=generator, dtype=value.dtype)
    return adapter


def tokens(num_tasks=3, width_in=8, seed=2):
    """Random tokens_TBLD of two images, in float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num_tasks, 2, 7, width_in, generator=generator, dtype=torch.float64)


def tiny_network(make, **options):
    """A ViT of two blocks for 64 x 64 pixels, with the adapter and light heads."""
    torch.manual_seed(0)
    encoder = partial(
        ViTEncoder,
        name="vit_tiny_patch16_224",
        image_size=(64, 64),
        pretrained=False,
        options=OPTIONS,
        **options,
    )
    decoder = partial(OneHeadATask, head=partial(LightHead, hidden=8))
    return MultiTaskNetwork(CHANNELS, encoder, decoder, adapter=make)


def images():
    """Two random images."""
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (2, 3, 64, 64), generator=generator, dtype=torch.uint8)


def gradients(network: nn.Module, seed=4):
    """Gradients of a random loss over all tasks by name; dropout is the same in every call."""
    torch.manual_seed(seed)
    network.zero_grad()
    logits = network(images()).logits
    sum((value - torch.randn_like(value)).square().mean() for value in logits.values()).backward()
    return {n: p.grad for n, p in network.named_parameters() if p.requires_grad}
