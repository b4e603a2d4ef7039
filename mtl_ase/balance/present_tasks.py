"""Logarithm and softmax over the tasks that are present. Legend: T tasks."""

from __future__ import annotations

import torch
from torch import Tensor


def logs(losses_T: Tensor, present_T: Tensor) -> Tensor:
    """The losses' logarithms; 0, without a gradient, for a task that is absent."""
    return losses_T.where(present_T, 1).log()


def shares(logits_T: Tensor, present_T: Tensor) -> Tensor:
    """Softmax over the tasks that are present; 0 for the others, even if that is all of them."""
    lowest = torch.finfo(logits_T.dtype).min
    return logits_T.masked_fill(~present_T, lowest).softmax(0) * present_T
