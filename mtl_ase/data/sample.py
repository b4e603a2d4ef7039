"""What the data room hands out: samples and batches.

Legend: B images, C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Sample(NamedTuple):
    """One image, as bytes, and its label maps by task; unlabelled ones ignore everything."""

    image_id: str
    image_CHW: Tensor
    labels: dict[str, Tensor]


class Batch(NamedTuple):
    """Images of one size; labels by task: stacked in training, in their own sizes in scoring."""

    image_ids: list[str]
    image_BCHW: Tensor
    labels: dict[str, Tensor | list[Tensor]]


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
    return Batch([sample.image_id for sample in samples], images, labels)
