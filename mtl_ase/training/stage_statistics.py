"""A look at the inputs of all adapters, for what they keep of a stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mtl_ase.model.adapters import StageMemory
from mtl_ase.model.encoders import Encoder
from mtl_ase.training.stages import Stage

Memories = Sequence[tuple[nn.Module, StageMemory]]
"""Adapters, and what each keeps."""


def begin_stages(encoder: Encoder) -> Memories:
    """Let all adapters begin to keep what they need; those that keep something."""
    begun = [(adapter, adapter.begin_stages()) for adapter in encoder.adapters()]
    return [(adapter, memory) for adapter, memory in begun if memory is not None]


def due(memories: Memories, stage: Stage, step: int) -> Memories:
    """The memories that look at the inputs of a step: every n-th of the stage, and its first."""
    return [pair for pair in memories if (step - stage.begin) % pair[1].every_n_steps == 0]


@torch.no_grad()
def observe_inputs(encoder: Encoder, memories: Memories, image_BCHW: Tensor, stage: Stage) -> None:
    """Show the memories what comes into their adapters, in a pass of the encoder of its own.

    In the training pass it would be seen twice where activations are recomputed. Dropout is off.
    """
    handles = [
        adapter.register_forward_pre_hook(_shown_to(memory, stage)) for adapter, memory in memories
    ]
    modes = [(module, module.training) for module in encoder.modules()]
    encoder.eval()
    try:
        encoder(image_BCHW)
    finally:
        for module, mode in modes:
            module.training = mode
        for handle in handles:
            handle.remove()


def _shown_to(memory: StageMemory, stage: Stage) -> Any:
    def show(_: nn.Module, inputs: tuple[Tensor]) -> None:
        memory.observe(inputs[0], stage.rows, later=stage.number > 0)

    return show
