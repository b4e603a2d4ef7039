"""Evaluation protocols: how published scores were measured.

Legend: C channels, H W pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor
from torch.nn.functional import interpolate
from torchmetrics import Metric

from mtl_ase.base.errors import UserError
from mtl_ase.data import Box
from mtl_ase.data.official import official_lists
from mtl_ase.tasks import Task

ACTIVATE_FIRST, RESIZE_FIRST = "activate_first", "resize_first"


@dataclass(frozen=True)
class EvalProtocol:
    """How all tasks are evaluated: metrics, images, resizing and rounding of predictions.

    Scores are measured at the labels' full resolution. Logits are resized bilinearly to the label,
    then activated, in float32; the lineage's opposite order and its rounding are options, for
    comparison with its published results. Its order costs an ideal network about two points of mIoU
    at 224 pixels, so delta_m must not mix the two: unless the protocol sets the order, it is that
    of the matching reference.

    Attributes:
        name: name of the protocol in references and tables.
        metrics: metrics by task and key; tasks that are not listed keep their own.
        headlines: key of each task's metric in delta_m.
        subsets: published list of the images on which a task is evaluated, by task; all images if
            the data set has no such list, and for tasks that are not listed.
        rounded: tasks whose predictions are quantised to 8 bits (truncated), as in a PNG file.
        activate_first: activate at the network's input resolution, then resize, as the lineage
            does with cv2: classes by INTER_NEAREST, all else by INTER_LINEAR. None: the order of
            the matching reference; false without one.
    """

    name: str
    metrics: Mapping[str, Mapping[str, Metric]] = field(default_factory=dict)
    headlines: Mapping[str, str] = field(default_factory=dict)
    subsets: Mapping[str, str] = field(default_factory=dict)
    rounded: Sequence[str] = ()
    activate_first: bool | None = None

    def measured_like(self, reference: Reference | None) -> EvalProtocol:
        """This protocol with `activate_first` set: its own, else that of the reference.

        Args:
            reference: reference of delta_m; None if there is none that matches.
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
        """The ids of a data set's images on which a task is evaluated; None means all."""
        subset = self.subsets.get(task)
        return official_lists(dataset).get(subset) if subset is not None else None

    def predict(self, task: Task, logits_1CHW: Tensor, resized_1CHW: Tensor) -> Tensor:
        """The prediction for one image at its label's size.

        Args:
            task: the task to predict.
            logits_1CHW: logits of the input region that the image fills, see `inside`.
            resized_1CHW: the same logits, resized to the label.
        """
        if not self.activate_first:
            return task.output.activate(resized_1CHW[0])
        return task.output.resize(task.output.activate(logits_1CHW[0]), resized_1CHW.shape[-2:])

    def round(self, task: Task, prediction: Tensor) -> Tensor:
        """The prediction as an 8-bit PNG file holds it, if the task is in `rounded`."""
        return task.output.truncate(prediction) if task.name in self.rounded else prediction


def order_of(protocol: EvalProtocol) -> str:
    """Name of the protocol's order for files and tables, "activate_first" or "resize_first"."""
    return ACTIVATE_FIRST if protocol.activate_first else RESIZE_FIRST


def inside(logits_1CHW: Tensor, box: Box | None) -> Tensor:
    """Crop the logits to the part of the input that the source image fills; float32."""
    if box is None:
        return logits_1CHW.float()
    top, left, height, width = box
    return logits_1CHW[..., top : top + height, left : left + width].float()


def resized(logits_1CHW: Tensor, size_hw: Sequence[int]) -> Tensor:
    """Resize logits bilinearly."""
    return interpolate(logits_1CHW, tuple(size_hw), mode="bilinear")


@dataclass(frozen=True)
class Reference:
    """Single-task baseline results for delta_m.

    Attributes:
        dataset: name of the data set they were measured on.
        protocol: name of the evaluation protocol.
        sources: source of each number (e.g. a paper's table), by full metric key.
        values: results by full metric key, e.g. "semseg/miou".
        activate_first: order of activation and resizing, see `EvalProtocol`; None: unknown.

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
        """Why results can't be compared with this reference; None if they can.

        Args:
            dataset: name of the data set that is evaluated.
            protocol: name of the evaluation protocol.
            headlines: full keys of the tasks' metrics in delta_m.
            activate_first: the order that the protocol sets; None if it sets none.
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
