"""Samples, batches and their collate functions.

Legend: B images, C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mtl_ase.data.warp import Box

CountLabels = Callable[[Tensor], Tensor]
"""From a stacked label to int64 counts_K that add up over batches (e.g. valid pixels)."""


class Sample(NamedTuple):
    """A uint8 image and its label maps by task; a missing label is an all-ignored map.

    Attributes:
        box: rectangle of the input that the source image fills.
        problems: error messages of files that could not be read.
        position: index in the split list.
    """

    image_id: str
    image_CHW: Tensor
    labels: dict[str, Tensor]
    box: Box
    problems: tuple[str, ...] = ()
    position: int = 0


class Window(NamedTuple):
    """A gradient accumulation window: the batches of one optimiser step.

    Lightning divides every batch's loss by `accumulate`; an epoch's last window may have fewer
    `batches`.
    """

    batches: int = 1
    accumulate: int = 1

    @property
    def correction(self) -> float:
        """Factor on a batch's loss that makes the window's loss the mean over its batches.

        It is 1 except in a shorter last window, where Lightning's divisor is too large.
        """
        return self.accumulate / self.batches


class Batch(NamedTuple):
    """A batch; labels by task are stacked in training, lists of maps of own size in evaluation.

    `counts` are each task's label counts, summed over the batch's accumulation window; empty in
    evaluation, and without accumulation in a single process.
    """

    image_ids: list[str]
    image_BCHW: Tensor
    labels: dict[str, Tensor | list[Tensor]]
    boxes: list[Box] = []  # noqa: RUF012  # a NamedTuple's default, never mutated
    problems: list[str] = []  # noqa: RUF012
    counts: dict[str, Tensor] = {}  # noqa: RUF012
    window: Window = Window()
    positions: list[int] = []  # noqa: RUF012


def collate_training(
    samples: Sequence[Sample], counts: Mapping[str, CountLabels] | None = None
) -> Batch:
    """Stack images and labels, and apply the counting functions in `counts` to the labels."""
    names = samples[0].labels
    labels = {name: torch.stack([sample.labels[name] for sample in samples]) for name in names}
    counted = {name: count(labels[name]) for name, count in (counts or {}).items()}
    return _collate(samples, {**labels})._replace(counts=counted)


def collate_scoring(samples: Sequence[Sample]) -> Batch:
    """Stack the images; labels keep their own sizes."""
    names = samples[0].labels
    labels: dict[str, Tensor | list[Tensor]] = {
        name: [sample.labels[name] for sample in samples] for name in names
    }
    return _collate(samples, labels)


def _collate(samples: Sequence[Sample], labels: dict[str, Tensor | list[Tensor]]) -> Batch:
    images = torch.stack([sample.image_CHW for sample in samples])
    problems = [problem for sample in samples for problem in sample.problems]
    boxes = [sample.box for sample in samples]
    positions = [sample.position for sample in samples]
    image_ids = [sample.image_id for sample in samples]
    return Batch(image_ids, images, labels, boxes, problems, positions=positions)
