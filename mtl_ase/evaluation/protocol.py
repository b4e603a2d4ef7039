"""Protocols: what exactly a published score means.

Legend: C channels, H W pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchmetrics import Metric

from mtl_ase.base.errors import UserError
from mtl_ase.data import Box
from mtl_ase.data.official import official_lists
from mtl_ase.tasks import Task

LEVELS = 255
ACTIVATE_FIRST, RESIZE_FIRST = "activate_first", "resize_first"


@dataclass(frozen=True)
class EvalProtocol:
    """A way of scoring all tasks, by name.

    Labels count in full resolution. Logits are resized to the label bilinearly, then activated, in
    32 bits; the lineage's other order and its rounding are options, to compare with what it
    published. Its order costs an ideal network about two points of mIoU at 224 pixels, so delta_m
    must not mix the two: a fitting reference decides, unless the protocol does.

    Attributes:
        name: by which references and tables call it.
        metrics: what to measure, by task and key; tasks it does not name keep their own.
        headlines: key of the metric that stands for a task in delta_m, by task.
        subsets: published list of the images on which a task is scored, by task; where the data set
            has no such list, and for tasks not named, all images count.
        rounded: tasks whose predictions lose digits as in a PNG of 8 bits, cut off, not rounded.
        activate_first: activate at the network's input resolution, then resize, as the lineage
            does with cv2: classes by INTER_NEAREST, all else by INTER_LINEAR. None: as the
            reference was measured, and false where none fits.
    """

    name: str
    metrics: Mapping[str, Mapping[str, Metric]] = field(default_factory=dict)
    headlines: Mapping[str, str] = field(default_factory=dict)
    subsets: Mapping[str, str] = field(default_factory=dict)
    rounded: Sequence[str] = ()
    activate_first: bool | None = None

    def measured_like(self, reference: Reference | None) -> EvalProtocol:
        """This protocol with its order settled.

        Args:
            reference: that delta_m compares with; None where none fits.
        """
        order = self.activate_first
        if order is None:
            order = reference is not None and bool(reference.activate_first)
        return dataclasses.replace(self, activate_first=order)

    def apply(self, tasks: Mapping[str, Task]) -> dict[str, Task]:
        """The tasks with this protocol's metrics and headlines."""
        return {
            name: dataclasses.replace(
                task,
                metrics=self.metrics.get(name, task.metrics),
                headline=self.headlines.get(name, task.headline),
            )
            for name, task in tasks.items()
        }

    def images(self, task: str, dataset: str) -> Collection[str] | None:
        """The images of a data set on which a task is scored; None means all."""
        subset = self.subsets.get(task)
        return official_lists(dataset).get(subset) if subset is not None else None

    def predict(self, task: Task, logits_1CHW: Tensor, resized_1CHW: Tensor) -> Tensor:
        """The prediction of one image in its label's size.

        Args:
            task: to predict.
            logits_1CHW: of where the image lies in the input.
            resized_1CHW: the same, in the label's size.
        """
        if not self.activate_first:
            return task.activation(resized_1CHW[0])
        size_hw = resized_1CHW.shape[-2:]
        prediction = task.activation(logits_1CHW[0])
        planes = prediction[None] if prediction.ndim == 3 else prediction[None, None]
        if prediction.is_floating_point():
            resized = interpolate(planes, size_hw, mode="bilinear")
        else:
            resized = _nearest(planes, size_hw)
        return resized[0] if prediction.ndim == 3 else resized[0, 0]

    def round(self, task: str, prediction: Tensor) -> Tensor:
        """A prediction as it comes back from an 8-bit PNG, if the protocol says so."""
        if task not in self.rounded:
            return prediction
        if prediction.ndim == 3:  # vectors, from -1 to 1
            return ((prediction.float() + 1) * (LEVELS / 2)).floor() * (2 / LEVELS) - 1
        return (prediction.float() * LEVELS).floor() / LEVELS


def order_of(protocol: EvalProtocol) -> str:
    """What comes first by a protocol whose order is settled, for files and tables."""
    return ACTIVATE_FIRST if protocol.activate_first else RESIZE_FIRST


def _nearest(planes_1CHW: Tensor, size_hw: Sequence[int]) -> Tensor:
    """Resized as cv2.INTER_NEAREST does, in 64 bits: target pixel x takes floor(x / factor)."""
    rows_H, columns_W = (
        (torch.arange(new, dtype=torch.float64) * (1 / (new / old))).long().clamp(max=old - 1)
        for new, old in zip(size_hw, planes_1CHW.shape[-2:], strict=True)
    )
    index = (rows_H[:, None].to(planes_1CHW.device), columns_W.to(planes_1CHW.device))
    return planes_1CHW[..., index[0], index[1]]


def inside(logits_1CHW: Tensor, box: Box | None) -> Tensor:
    """The logits of where the source image lies in the input; float32."""
    if box is None:
        return logits_1CHW.float()
    top, left, height, width = box
    return logits_1CHW[..., top : top + height, left : left + width].float()


def resized(logits_1CHW: Tensor, label: Tensor) -> Tensor:
    """Logits in the label's size."""
    return interpolate(logits_1CHW, label.shape[-2:], mode="bilinear")


@dataclass(frozen=True)
class Reference:
    """Single-task results that delta_m compares with.

    Attributes:
        dataset: data set they were measured on.
        protocol: by which they were scored.
        sources: where each number comes from, by full metric key.
        values: by full metric key, e.g. "semseg/miou".
        activate_first: order in which they were measured, see `EvalProtocol`; None: not known.

    Raises:
        UserError: a number has no source.
    """

    dataset: str
    protocol: str
    sources: Mapping[str, str]
    values: Mapping[str, float]
    activate_first: bool | None = None

    def __post_init__(self) -> None:
        for key in self.values:
            if key not in self.sources:
                raise UserError(f"the reference has no source of {key}; add it to sources.")

    def mismatch(
        self,
        dataset: str,
        protocol: str,
        headlines: Collection[str],
        activate_first: bool | None = None,
    ) -> str | None:
        """Why these results can't be compared with others; None if they can.

        Args:
            dataset: that is scored.
            protocol: by which.
            headlines: full keys of the metrics that stand for the tasks.
            activate_first: the order that the protocol insists on, if any.
        """
        if self.dataset != dataset:
            return f"the reference is of data set {self.dataset}, not {dataset}"
        if self.protocol != protocol:
            return f"the reference is of protocol {self.protocol}, not {protocol}"
        if set(self.values) != set(headlines):
            return (
                f"the reference has {', '.join(sorted(self.values))}, "
                f"but the tasks here are scored by {', '.join(sorted(headlines))}"
            )
        if None not in (activate_first, self.activate_first) and (
            activate_first != self.activate_first
        ):
            order = "activated, then resized" if self.activate_first else "resized, then activated"
            return (
                f"the reference was measured on what was {order}, not by "
                f"protocol.activate_first={str(activate_first).lower()}"
            )
        return None
