"""Evaluates the logits of batches against labels at their own sizes.

Legend: B images, C channels, H W pixels, K counts.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import cast

from torch import Tensor, nn
from torchmetrics import MeanMetric, Metric

from mtl_ase.data import Batch
from mtl_ase.evaluation.per_image_counts import PerImageCounts
from mtl_ase.evaluation.protocol import EvalProtocol, Reference, inside, resized
from mtl_ase.metrics import CountingMetric, delta_m
from mtl_ase.tasks import Task

TRAINING = EvalProtocol("astmt")
"""Protocol of validations during training: the paper's, with edges on a subset of the images, and
the reference's order of activation and resizing, as in evaluate.py, so that delta_m is the same."""


Image = tuple[str, int]
"""An image's id and its index in the split list."""


class Scorer(nn.Module):
    """All metrics of all tasks, and the mean loss over images.

    Args:
        tasks: tasks to evaluate, by name.
        reference: single-task results for delta_m, or None.
        dataset: name of the data set; delta_m needs a reference measured on the same.
        protocol: evaluation protocol; only the metrics are those of `tasks`. If it does not set
            whether to activate or to resize first, a matching reference does.
        both_orders: if the order is activate first, also evaluate in the other order, in the scorer
            `resize_first`, with separate metrics and without delta_m.
        per_image: also keep the counts of every image, in `per_image`.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task],
        reference: Reference | None = None,
        dataset: str = "",
        protocol: EvalProtocol = TRAINING,
        both_orders: bool = False,
        per_image: bool = False,
    ) -> None:
        super().__init__()
        self.tasks = tasks
        self.headlines = [task.headline_key for task in tasks.values()]
        self.reference_mismatch = "there is no reference"
        if reference is not None:
            self.reference_mismatch = (
                reference.mismatch(dataset, protocol.name, self.headlines, protocol.activate_first)
                or ""
            )
        fitting = None if self.reference_mismatch else reference
        self.reference = {} if fitting is None else dict(fitting.values)
        self.order_unknown = fitting is not None and fitting.activate_first is None
        self.protocol = protocol.measured_like(fitting)
        self.metrics = nn.ModuleDict(
            {key: metric for task in tasks.values() for key, metric in task.measured().items()}
        )
        self.loss = MeanMetric()
        self.subsets = {name: protocol.images(name, dataset) for name in tasks}
        self.per_image = PerImageCounts() if per_image else None
        self.resize_first: Scorer | None = None
        if both_orders and self.protocol.activate_first:
            other = dataclasses.replace(protocol, activate_first=False)
            self.resize_first = Scorer(
                _with_own_metrics(tasks), None, dataset, other, per_image=per_image
            )

    def update(self, logits: Mapping[str, Tensor], batch: Batch) -> None:
        """Add a batch; predictions are compared at each label's own size.

        Args:
            logits: logits_BCHW of every task, at the input size.
            batch: a batch of `collate_scoring`.
        """
        losses = [0.0] * len(batch.image_ids)
        for name, task in self.tasks.items():
            maps = []
            for index, label in enumerate(batch.labels[name]):
                box = batch.boxes[index] if batch.boxes else None
                logits_1CHW = inside(logits[name][index : index + 1], box)
                resized_1CHW = resized(logits_1CHW, label.shape[-2:])
                losses[index] += task.weight * task.loss(resized_1CHW, label[None])
                maps.append((logits_1CHW, resized_1CHW, label))
            images = list(zip(batch.image_ids, batch.positions or [0] * len(maps), strict=True))
            for scorer in (self, self.resize_first) if self.resize_first else (self,):
                scorer.predict_and_add(scorer.tasks[name], images, maps)
        for loss in losses:
            self.loss.update(loss)

    def predict_and_add(
        self, task: Task, images: Sequence[Image], maps: Sequence[tuple[Tensor, Tensor, Tensor]]
    ) -> None:
        """Add a task's images: logits_1CHW, resized logits and the label of each."""
        predicted = [
            (self.protocol.predict(task, logits_1CHW, resized_1CHW), label)
            for logits_1CHW, resized_1CHW, label in maps
        ]
        self.add(task, images, predicted)

    def add(
        self, task: Task, images: Sequence[Image], predicted: Sequence[tuple[Tensor, Tensor]]
    ) -> None:
        """Add a task's predictions.

        Args:
            task: the task.
            images: id of each image, and its index in the split list.
            predicted: the prediction of each image at its label's size, and the label.
        """
        subset = self.subsets[task.name]
        found = [
            (image_id, position, (self.protocol.round(task, prediction), label))
            for (image_id, position), (prediction, label) in zip(images, predicted, strict=True)
            if subset is None or image_id in subset
        ]
        for key in task.measured():
            metric = self.metric(key)
            if not isinstance(metric, CountingMetric):  # a user's own torchmetrics Metric
                for _, _, image in found:
                    metric.update(*image)
                continue
            scored = [(i, image) for i, p, image in found if _is_scored(metric, p)]
            counts = metric.count_all([image for _, image in scored])
            for (image_id, image), counts_K in zip(scored, counts, strict=True):
                metric.update(*image, counts_K)
                if self.per_image is not None:
                    self.per_image.add(key, image_id, counts_K)

    def compute(self) -> dict[str, float | None]:
        """Every metric in printed units, then delta_m; None if undefined."""
        values = {key: self.metric(key).compute().double() for key in self.metrics}
        return {
            key: None if value.isnan() else float(value)
            for key, value in (values | {"delta_m": self._delta_m(values)}).items()
        }

    def higher_is_better(self) -> dict[str, bool]:
        """The direction of every metric, by full key."""
        return {key: bool(self.metric(key).higher_is_better) for key in self.metrics}

    def _delta_m(self, values: Mapping[str, Tensor]) -> Tensor:
        directions = self.higher_is_better()
        return delta_m(values, self.reference, {key: directions[key] for key in self.headlines})

    def reset(self) -> None:
        """Reset all metrics and the loss."""
        if self.resize_first is not None:
            self.resize_first.reset()
        self.loss.reset()
        for key in self.metrics:
            self.metric(key).reset()

    def metric(self, key: str) -> Metric:
        """The metric of a full key, e.g. "semseg/miou"."""
        return cast(Metric, self.metrics[key])


def _is_scored(metric: CountingMetric, position: int) -> bool:
    """Whether an image's index is below the metric's `max_images`."""
    return metric.max_images is None or position < metric.max_images


def _with_own_metrics(tasks: Mapping[str, Task]) -> dict[str, Task]:
    return {
        name: dataclasses.replace(task, metrics=copy.deepcopy(dict(task.metrics)))
        for name, task in tasks.items()
    }
