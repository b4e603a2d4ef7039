"""The trivial baseline: a constant prediction per task.

Legend: B images, C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from mtl_ase.data import Batch
from mtl_ase.model import Prediction
from mtl_ase.tasks import Task


class ConstantPredictor(nn.Module):
    """Predicts the same constant at every pixel: the minimiser of each task's own loss.

    For semseg that is the most frequent class, for normals the mean direction. It uses labels only.

    Args:
        tasks: tasks to predict, by name.
    """

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        super().__init__()
        self.tasks = tasks
        self.bias = nn.ParameterDict(
            {name: torch.full((task.channels,), 0.1) for name, task in tasks.items()}
        )

    def forward(self, image_BCHW: Tensor) -> Prediction:
        """The constants, expanded to the size of the images."""
        batch, _, height, width = image_BCHW.shape
        logits = {
            name: bias[None, :, None, None].expand(batch, -1, height, width)
            for name, bias in self.bias.items()
        }
        return Prediction(logits, [])

    def fit(self, batches: Iterable[Batch], steps: int = 100, lr: float = 0.1) -> None:
        """Minimise the tasks' losses over the batches."""
        kept = list(batches)
        optimizer = torch.optim.Adam(self.parameters(), lr=lr)
        for step in range(steps):
            batch = kept[step % len(kept)]
            logits = self(batch.image_BCHW).logits
            losses = [
                task.loss(logits[name], batch.labels[name]) for name, task in self.tasks.items()
            ]
            optimizer.zero_grad()
            torch.stack(losses).sum().backward()
            optimizer.step()
