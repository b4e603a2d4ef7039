"""Activations: from the logits of one image to a prediction for metrics and pictures.

Legend: C channels, H W pixels.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import normalize


def class_ids(logits_CHW: Tensor) -> Tensor:
    """The most likely class of every pixel, (H, W)."""
    return logits_CHW.argmax(0)


def first_channel(logits_CHW: Tensor) -> Tensor:
    """The first channel unchanged, (H, W)."""
    return logits_CHW[0]


def probability(logits_CHW: Tensor) -> Tensor:
    """The sigmoid of one channel, (H, W)."""
    return logits_CHW[0].sigmoid()


def unit_vector(logits_CHW: Tensor) -> Tensor:
    """Every pixel's vector scaled to length 1, (C, H, W)."""
    return normalize(logits_CHW, dim=0)
