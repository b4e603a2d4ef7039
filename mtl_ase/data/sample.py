"""What the data room hands out: samples and batches.

Legend: B images, C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mtl_ase.data.warp import Box


class Sample(NamedTuple):
    """One image, as bytes, and its label maps by task; unlabelled ones ignore everything.

    The box is where in the input the source image lies; the problems are what could not be read.
    """

    image_id: str
    image_CHW: Tensor
    labels: dict[str, Tensor]
    box: Box
    problems: tuple[str, ...] = ()


class Batch(NamedTuple):
    """Images of one size; labels by task: stacked in training, in their own sizes in scoring."""

    image_ids: list[str]
    image_BCHW: Tensor
    labels: dict[str, Tensor | list[Tensor]]
    boxes: list[Box] = []  # noqa: RUF012  # a NamedTuple's default; nobody changes it
    problems: list[str] = []  # noqa: RUF012


def collate_training(samples: Sequence[Sample]) -> Batch:
    """Stack everything."""
    names = samples[0].labels
    labels: dict[str, Tensor | list[Tensor]] = {
        name: torch.stack([sample.labels[name] for sample in samples]) for name in names
    }
    return _collate(samples, labels)


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
    return Batch([sample.image_id for sample in samples], images, labels, boxes, problems)
