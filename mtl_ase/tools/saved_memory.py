"""What a forward pass keeps for the backward pass on a GPU, counted without one.

Tensors without data ("fake" ones) have a device, a shape and a type, so that networks of any size
can be looked at anywhere.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar
from unittest import mock

import torch
from omegaconf import DictConfig
from timm.layers.config import set_fused_attn
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from mtl_ase.build import build_module, build_network, build_tasks, forget_weights
from mtl_ase.model.encoders import vit_block
from mtl_ase.tools.benchmarks.arithmetic import DTYPES
from mtl_ase.tools.benchmarks.training_step import random_batch
from mtl_ase.training import MultiTaskModule

Module = TypeVar("Module", bound=nn.Module)


class Forward(NamedTuple):
    """A training step's forward pass with losses.

    Attributes:
        saved: bytes that are kept for the backward pass, without parameters and buffers.
        gflops: of the pass, 2 per multiply-add, without fused attention.
    """

    saved: int
    gflops: float


def look_at_forward(config: DictConfig, fused: bool = True) -> Forward:
    """Count what the forward pass of a config's training step keeps on a GPU.

    Attention is counted as PyTorch's fused one, which keeps query, key, value, its output and one
    number a row; with `fused=False` as the matrix products that CPUs compute. Not for
    `activation_checkpointing`, whose blocks keep their inputs elsewhere.

    Args:
        config: the whole config; its `model` node is changed. Its precision is one of `DTYPES`.
        fused: attention as GPUs compute it.
    """
    forget_weights(config)
    tasks = build_tasks(config)
    set_fused_attn(fused)
    module = build_module(config, tasks, build_network(config, tasks)).train()
    images, labels = random_batch(config, tasks)
    mode, module = without_data(module)
    dtype = DTYPES[config.trainer.precision]
    with mode, pretended_gpu():
        move_to_gpu(module)
        images = mode.from_tensor(images).to("cuda")
        moved = {name: mode.from_tensor(label).to("cuda") for name, label in labels.items()}
        counted = _Saved([*module.parameters(), *module.buffers()])
        with (
            saved_tensors_hooks(counted.add, lambda value: value),
            torch.autocast("cuda", dtype, enabled=dtype != torch.float32),
            FlopCounterMode(display=False) as counter,
        ):
            _losses(module, images, moved)
    return Forward(counted.bytes, counter.get_total_flops() / 1e9)


def without_data(module: Module) -> tuple[FakeTensorMode, Module]:
    """A copy whose tensors have no data, and the mode to compute with it."""
    mode = FakeTensorMode()
    with FakeCopyMode(mode):
        return mode, copy.deepcopy(module)


class _Saved:
    """Adds up the bytes of saved tensors, each storage once."""

    def __init__(self, own: list[Tensor]) -> None:
        self.seen = {value.untyped_storage()._cdata: value.untyped_storage() for value in own}
        self.bytes = 0

    def add(self, value: Tensor) -> Tensor:
        """Count a tensor that is saved; storages are held, so that no address comes twice."""
        storage = value.untyped_storage()
        if storage._cdata not in self.seen:
            self.seen[storage._cdata] = storage
            self.bytes += storage.nbytes()
        return value


class _FusedAttention(torch.autograd.Function):
    """Keeps what fused attention keeps; computes nothing."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """An output of the right shape."""
        out = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, out, query.new_empty(query.shape[:-1]).float())
        return out


def _attend(query: Tensor, key: Tensor, value: Tensor, dropout_p: float = 0.0) -> Tensor:
    out: Tensor = _FusedAttention.apply(query, key, value)
    return out


@contextmanager
def pretended_gpu() -> Iterator[None]:
    """Without a GPU autocast would switch itself off; attention is counted as fused."""
    absent = "torch.cuda.amp.common.amp_definitely_not_available"
    with (
        mock.patch(absent, return_value=False),
        mock.patch("torch.cuda.is_bf16_supported", return_value=True),
        mock.patch.object(vit_block, "scaled_dot_product_attention", _attend),
    ):
        yield


def move_to_gpu(module: nn.Module) -> None:
    """What module.to("cuda") does; tensors without data can't be swapped."""
    for child in module.modules():
        for name, parameter in child._parameters.items():
            if parameter is not None:
                moved = nn.Parameter(parameter.detach().to("cuda"), parameter.requires_grad)
                child._parameters[name] = moved
        for name, buffer in child._buffers.items():
            child._buffers[name] = None if buffer is None else buffer.to("cuda")


def _losses(
    module: MultiTaskModule, image_BCHW: Tensor, labels: Mapping[str, Tensor]
) -> list[Tensor]:
    logits, _ = module.network(image_BCHW)
    return [loss(logits[name], labels[name]) for name, loss in module.losses.items()]
