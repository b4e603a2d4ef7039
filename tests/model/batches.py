"""Made batches. B images, C channels, H W pixels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mtl_ase.data import Batch
from mtl_ase.tasks import Task


def make_label(channels: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """A random map of what a task with so many channels predicts, without ignored pixels."""
    if channels == 3:
        return torch.nn.functional.normalize(torch.randn(3, *size, generator=generator), dim=0)
    return torch.randint(0, max(channels, 2), size, generator=generator, dtype=torch.uint8)


def make_batch(
    tasks: Mapping[str, Task], count: int = 2, size: tuple[int, int] = (64, 64), seed: int = 0
) -> Batch:
    """Random bytes as images, and random labels of the same size, stacked as in training."""
    generator = torch.Generator().manual_seed(seed)
    image_BCHW = torch.randint(0, 256, (count, 3, *size), generator=generator, dtype=torch.uint8)
    labels: dict[str, Tensor | list[Tensor]] = {
        name: torch.stack([make_label(task.channels, size, generator) for _ in range(count)])
        for name, task in tasks.items()
    }
    return Batch([f"image{i}" for i in range(count)], image_BCHW, labels)
