"""The network: logits of all tasks from images; tensors of tokens have a leading task axis.

Legend: T tasks, B images, C channels, H W pixels, L tokens, D width, E experts, N layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.utils.checkpoint import checkpoint

from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapter import ExpertAdapter, Routing
from mtl_ase.model.backbone import ViTBackbone
from mtl_ase.model.block import AdaptedBlock

AddLoRA = Callable[[nn.Module], None]


class MakeAdapter(Protocol):
    """An adapter class with all but the width and the number of tasks bound."""

    def __call__(self, *, width: int, num_tasks: int) -> ExpertAdapter:
        """Build the experts beside one FFN."""


class MakeHead(Protocol):
    """A head class with all but the width and the output channels bound."""

    def __call__(self, *, width: int, channels: int) -> nn.Module:
        """Build one task's head."""


class Prediction(NamedTuple):
    """Output of the network: logits_BCHW by task at input size, routing statistics by layer."""

    logits: dict[str, Tensor]
    routing: list[Routing]


class MultiTaskNetwork(nn.Module):
    """A shared ViT with adapters and one head per task (arXiv 2510.00570, Eq. 11-13).

    h_t = Backbone(embed(image) + e_t) with the routers of task t in every block; logits_t =
    Head_t(h_t). Without task embedding and adapter all tasks share one forward pass of the
    backbone, as in a conventional multi-task ViT.

    Args:
        channels: output channels by task name; their order is the order of the task axis.
        backbone: the ViT.
        head: makes a head, given width and channels.
        lora: adds LoRA to a block in place; None for no LoRA.
        adapter: makes the experts of one block, given width and num_tasks; None for no experts.
        task_embedding: add a learned e_t to all tokens before the first block.
        activation_checkpointing: recompute the blocks' activations in the backward pass.
    """

    def __init__(
        self,
        channels: Mapping[str, int],
        backbone: ViTBackbone,
        head: MakeHead,
        lora: AddLoRA | None = None,
        adapter: MakeAdapter | None = None,
        task_embedding: bool = True,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        width, num_tasks = backbone.width, len(channels)
        self.backbone = backbone
        self.blocks = nn.ModuleList()
        for block in backbone.take_blocks():
            if lora is not None:
                lora(block)
            experts = None if adapter is None else adapter(width=width, num_tasks=num_tasks)
            self.blocks.append(AdaptedBlock(block, experts))
        self.heads = nn.ModuleDict(
            {name: head(width=width, channels=count) for name, count in channels.items()}
        )
        self.shares_pass = adapter is None and not task_embedding
        self.task_embedding_TD = (
            nn.Parameter(0.02 * torch.randn(num_tasks, width)) if task_embedding else None
        )
        self.activation_checkpointing = activation_checkpointing

    def forward(self, image_BCHW: Tensor) -> Prediction:
        """Logits of all tasks, resized bilinearly to the images' size, and the routing."""
        x_TBLD, routing = self.encode(image_BCHW)
        logits = {}
        for x_BLD, (name, head) in zip(x_TBLD, self.heads.items(), strict=True):
            logits_BCHW = at_least_float32(head(self.backbone.to_map(x_BLD)))
            logits[name] = interpolate(logits_BCHW, image_BCHW.shape[-2:], mode="bilinear")
        return Prediction(logits, routing)

    def encode(self, image_BCHW: Tensor) -> tuple[Tensor, list[Routing]]:
        """Tokens after the last block, (T, B, L, D), and the routing statistics of every layer."""
        x_BLD = self.backbone.embed(image_BCHW)
        x_TBLD = x_BLD.expand(1 if self.shares_pass else len(self.heads), *x_BLD.shape)
        if self.task_embedding_TD is not None:
            x_TBLD = x_TBLD + self.task_embedding_TD[:, None, None]
        routing = []
        for block in self.blocks:
            x_TBLD, layer_routing = self._run(block, x_TBLD)
            if layer_routing is not None:
                routing.append(layer_routing)
        return x_TBLD.expand(len(self.heads), *x_BLD.shape), routing

    def _run(self, block: nn.Module, x_TBLD: Tensor) -> tuple[Tensor, Routing | None]:
        if self.activation_checkpointing and torch.is_grad_enabled():
            result: tuple[Tensor, Routing | None] = checkpoint(block, x_TBLD, use_reentrant=False)
            return result
        return block(x_TBLD)
