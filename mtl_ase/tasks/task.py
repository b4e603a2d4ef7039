"""A task: everything the framework needs to know about one prediction target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn
from torchmetrics import Metric

from mtl_ase.base.bounds import Positive, Weight
from mtl_ase.base.errors import UserError
from mtl_ase.tasks.output import Output

Counts = Callable[[Tensor], Tensor]
IGNORED = "ignored"
"""What legends call the value of label pixels that are ignored; no prediction has it."""


@dataclass(frozen=True)
class Task:
    """One prediction target: output channels, loss, kind of output and metrics.

    Attributes:
        name: name of the task; also of its label, and prefix of its metric keys.
        channels: C, number of logit channels.
        loss: (logits_BCHW, label) -> scalar; exactly 0 for an unlabelled batch. With a method
            `counts` (see losses.CountedLoss), batches of one optimiser step are normalised
            together; without, each is normalised by itself, and they are averaged.
        output: how logits become a prediction, and how it is resized, drawn and stored.
        metrics: metrics by key; each is updated with (prediction, label) of one image.
        headline: key of the metric that represents the task in delta_m.
        weight: weight of the loss in the total loss.
        legend: legend of the pictures: a pixel value or vector by its name.

    Raises:
        UserError: the headline is not one of the metrics, the weight is negative, or the loss has
            an attribute `counts` that is no method.
    """

    name: str
    channels: Positive
    loss: nn.Module
    output: Output
    metrics: Mapping[str, Metric]
    headline: str
    weight: Weight = field(default=1.0)
    legend: Mapping[str, float | Sequence[float]] | None = None

    def __post_init__(self) -> None:
        if self.headline not in self.metrics:
            raise UserError(
                f"tasks.{self.name}.headline={self.headline} is not one of its metrics "
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
