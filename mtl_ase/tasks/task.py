"""What a task is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics import Metric

from mtl_ase.base.errors import UserError

Counts = Callable[[Tensor], Tensor]
Activation = Callable[[Tensor], Tensor]
Colours = Callable[[NDArray[np.generic]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Task:
    """One thing to predict, with all that the framework needs to know of it.

    Attributes:
        name: of the task; also of its label and its metrics' prefix.
        channels: C, of the logits.
        loss: (logits_BCHW, label) -> scalar; an unlabelled batch costs exactly 0. With a method
            `counts` (see losses.CountedLoss), batches that make one step together are normalised
            together; without, each is normalised by itself, and they are averaged.
        weight: of the loss in the sum.
        activation: logits_CHW -> prediction, as metrics and pictures take it.
        metrics: what to measure, by key; each takes (prediction, label) of one image.
        headline: key of the metric that stands for the task in delta_m.
        colours: prediction or label as an RGB picture, (H, W, 3) bytes.
        legend: what a pixel's values mean, for pictures: a value, or a vector, by its name.

    Raises:
        UserError: the headline is none of the metrics, the weight is negative, or the loss has
            `counts` that are no method.
    """

    name: str
    channels: int
    loss: nn.Module
    activation: Activation
    metrics: Mapping[str, Metric]
    headline: str
    colours: Colours
    weight: float = field(default=1.0)
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

        if not (self.counts is None or callable(self.counts)):
            raise UserError(
                f"tasks.{self.name}.loss: counts of {type(self.loss).__name__} is no method; give "
                "it another name, or make it what losses.CountedLoss says."
            )

    @property
    def counts(self) -> Counts | None:
        """The loss's `counts`, if it has them: label -> numbers_K by which it is normalised."""
        return getattr(self.loss, "counts", None)

    @property
    def headline_key(self) -> str:
        """Full key of the headline metric, e.g. "semseg/miou"."""
        return f"{self.name}/{self.headline}"

    def measured(self) -> dict[str, Metric]:
        """The metrics by full key, e.g. "saliency/maxf"."""
        return {f"{self.name}/{key}": metric for key, metric in self.metrics.items()}
