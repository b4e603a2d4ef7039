"""What the data room hands out: samples and batches.

Legend: B images, C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mtl_ase.data.warp import Box

CountLabels = Callable[[Tensor], Tensor]
"""What a stacked label counts, as int64 numbers_K that add up over batches (e.g. valid pixels)."""


class Sample(NamedTuple):
    """One image, as bytes, and its label maps by task; unlabelled ones ignore everything.

    The box is where in the input the source image lies; the problems are what could not be read;
    the position is that in the split's list.
    """

    image_id: str
    image_CHW: Tensor
    labels: dict[str, Tensor]
    box: Box
    problems: tuple[str, ...] = ()
    position: int = 0


class Window(NamedTuple):
    """Batches whose gradients are added before a step.

    Lightning divides every batch's loss by `accumulate`; an epoch's last window may have fewer
    `batches`.
    """

    batches: int = 1
    accumulate: int = 1

    @property
    def correction(self) -> float:
        """What to multiply a batch's loss by, so that a window's step is the mean of its batches.

        It is 1 but in a shorter last window, whose mean Lightning divides by too much.
        """
        return self.accumulate / self.batches


class Batch(NamedTuple):
    """Images of one size; labels by task: stacked in training, in their own sizes in scoring.

    In training, the counts are what tasks have labelled in all batches of this one's window; there
    are none where every batch makes a step of its own in a single process.
    """

    image_ids: list[str]
    image_BCHW: Tensor
    labels: dict[str, Tensor | list[Tensor]]
    boxes: list[Box] = []  # noqa: RUF012  # a NamedTuple's default; nobody changes it
    problems: list[str] = []  # noqa: RUF012
    counts: dict[str, Tensor] = {}  # noqa: RUF012
    window: Window = Window()
    positions: list[int] = []  # noqa: RUF012


def collate_training(
    samples: Sequence[Sample], counts: Mapping[str, CountLabels] | None = None
) -> Batch:
    """Stack everything, and count the labels of the tasks that have something to count them by."""
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
