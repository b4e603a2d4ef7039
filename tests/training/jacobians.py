"""Jacobians the slow way. Legend: T tasks, P elements of all shared parameters in one row."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from timm.layers.attention import Attention
from torch import Tensor, nn

RESNETS = ("experiment=mtl_resnet18", "experiment=mtan", "experiment=cross_stitch")
OF_THE_VIT = ("model.encoder.weights", "model.encoder.options", "size.head")


def small(tiny: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The options that make the network of these overrides small."""
    resnet = any(override in RESNETS for override in overrides)
    return [option for option in tiny if not (resnet and option.startswith(OF_THE_VIT))]


def slow_rows(losses_T: Tensor, shared: Sequence[Tensor]) -> Tensor:
    """Row t is the gradient of task t's loss, from a backward pass of its own."""
    rows = [
        torch.autograd.grad(loss, shared, retain_graph=True, materialize_grads=True)
        for loss in losses_T
    ]
    return torch.stack([torch.cat([grad.flatten() for grad in row]) for row in rows])


def stir(module: nn.Module) -> None:
    """Make no trained weight of the network 0, and compute attention as in training on CPUs."""
    for part in module.modules():
        if isinstance(part, Attention):
            part.fused_attn = False
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.network.parameters():
            if parameter.requires_grad:
                shape, dtype = parameter.shape, parameter.dtype
                parameter += 0.05 * torch.randn(shape, generator=generator, dtype=dtype)
