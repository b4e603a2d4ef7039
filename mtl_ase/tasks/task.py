"""What a task is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics import Metric

from mtl_ase.base.bounds import Positive, Weight
from mtl_ase.base.errors import UserError

Activation = Callable[[Tensor], Tensor]
Colours = Callable[[NDArray[np.generic]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Task:
    """One thing to predict, with all that the framework needs to know of it.

    Attributes:
        name: of the task; also of its label and its metrics' prefix.
        channels: C, of the logits.
        loss: (logits_BCHW, label) -> scalar; an unlabelled batch costs exactly 0.
        weight: of the loss in the sum.
        activation: logits_CHW -> prediction, as metrics and pictures take it.
        metrics: what to measure, by key; each takes (prediction, label) of one image.
        headline: key of the metric that stands for the task in delta_m.
        colours: prediction or label as an RGB picture, (H, W, 3) bytes.
        legend: what a pixel's values mean, for pictures: a value, or a vector, by its name.

    Raises:
        UserError: the headline is none of the metrics, or the weight is negative.
    """

    name: str
    channels: Positive
    loss: nn.Module
    activation: Activation
    metrics: Mapping[str, Metric]
    headline: str
    colours: Colours
    weight: Weight = field(default=1.0)
    legend: Mapping[str, float | Sequence[float]] | None = None

    def __post_init__(self) -> None:
        if self.headline not in self.metrics:
            raise UserError(
                f"tasks.{self.name}.headline={self.headline} is none of its metrics "
                f"({', '.join(self.metrics)}); choose one of them."
            )
        if self.weight < 0:
            raise UserError(
                f"tasks.{self.name}.weight={self.weight} is negative; choose 0 or more."
            )

    @property
    def headline_key(self) -> str:
        """Full key of the headline metric, e.g. "semseg/miou"."""
        return f"{self.name}/{self.headline}"

    def measured(self) -> dict[str, Metric]:
        """The metrics by full key, e.g. "saliency/maxf"."""
        return {f"{self.name}/{key}": metric for key, metric in self.metrics.items()}
