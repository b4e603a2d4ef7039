"""Scoring: logits of a batch against labels in their own sizes.

Legend: B images, C channels, H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchmetrics import MeanMetric, Metric

from mtl_ase.data import Batch, Box
from mtl_ase.metrics import delta_m
from mtl_ase.tasks import Task


@dataclass(frozen=True)
class Reference:
    """Single-task results that delta_m compares with.

    Attributes:
        dataset: data set they were measured on.
        source: where the numbers come from.
        values: by full metric key, e.g. "semseg/miou".
    """

    dataset: str
    source: str
    values: Mapping[str, float] = field(default_factory=dict)


def at_label_size(logits_1CHW: Tensor, box: Box | None, label: Tensor) -> Tensor:
    """The logits of where the source image lies in the input, in the label's size; float32."""
    if box is not None:
        rows, columns = (
            slice(start, start + size) for start, size in zip(box[:2], box[2:], strict=True)
        )
        logits_1CHW = logits_1CHW[..., rows, columns]
    return interpolate(logits_1CHW.float(), label.shape[-2:], mode="bilinear")


class Scorer(nn.Module):
    """All metrics of all tasks, and the mean loss over images.

    Args:
        tasks: what to score.
        reference: single-task results for delta_m, or None.
        dataset: data set that is scored; delta_m needs a reference measured on the same.
    """

    def __init__(
        self, tasks: Mapping[str, Task], reference: Reference | None = None, dataset: str = ""
    ) -> None:
        super().__init__()
        self.tasks = tasks
        fits = reference is not None and reference.dataset == dataset
        self.reference = dict(reference.values) if reference is not None and fits else {}
        self.metrics = nn.ModuleDict(
            {key: metric for task in tasks.values() for key, metric in task.measured().items()}
        )
        self.loss = MeanMetric()

    def update(self, logits: Mapping[str, Tensor], batch: Batch) -> None:
        """Score a batch image by image: logits are resized to the label, then activated."""
        for index in range(len(batch.image_ids)):
            box = batch.boxes[index] if batch.boxes else None
            total = sum(
                self._score(task, logits[name][index], batch.labels[name][index], box)
                for name, task in self.tasks.items()
            )
            self.loss.update(total)

    def compute(self) -> dict[str, float | None]:
        """Every metric in printed units, then delta_m; None where it can't be known."""
        values = {key: float(self.metric(key).compute()) for key in self.metrics}
        headlines = [task.headline_key for task in self.tasks.values()]
        delta = delta_m(
            {key: values[key] for key in headlines},
            {key: self.reference[key] for key in headlines if key in self.reference},
            {key: bool(self.metric(key).higher_is_better) for key in headlines},
        )
        known = {key: None if math.isnan(value) else value for key, value in values.items()}
        return known | {"delta_m": delta}

    def reset(self) -> None:
        """Forget all images."""
        self.loss.reset()
        for key in self.metrics:
            self.metric(key).reset()

    def metric(self, key: str) -> Metric:
        """The metric behind a full key."""
        return cast(Metric, self.metrics[key])

    def _score(self, task: Task, logits_CHW: Tensor, label: Tensor, box: Box | None) -> Tensor:
        logits_1CHW = at_label_size(logits_CHW[None], box, label)
        prediction = task.activation(logits_1CHW[0])
        for key in task.measured():
            self.metric(key).update(prediction, label)
        loss: Tensor = task.weight * task.loss(logits_1CHW, label[None])
        return loss
