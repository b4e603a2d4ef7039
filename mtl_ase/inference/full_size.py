"""Predictions at an image's own size, without logits of all pixels where these are too many.

Legend: C channels, H W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from mtl_ase.evaluation import EvalProtocol
from mtl_ase.evaluation.protocol import resized
from mtl_ase.tasks import Task

MOST_LOGITS = 2**27
"""Half a gigabyte; more logits are resized and activated in bands of rows."""


def resized_and_activated(
    protocol: EvalProtocol, task: Task, logits_1CHW: Tensor, size_hw: tuple[int, int]
) -> Tensor:
    """The prediction at a size, in the protocol's order of resizing and activation.

    Args:
        protocol: its order is used.
        task: the predicted task.
        logits_1CHW: logits of the whole image at a lower resolution.
        size_hw: (H, W) of the prediction.
    """
    if protocol.activate_first:
        return task.output.resize(task.output.activate(logits_1CHW[0]), size_hw)
    rows = max(1, MOST_LOGITS // (logits_1CHW.shape[1] * size_hw[1]))
    if rows >= size_hw[0]:
        return task.output.activate(resized(logits_1CHW, size_hw)[0])
    bands = [
        task.output.activate(resized_rows(logits_1CHW, size_hw, top, top + rows)[0])
        for top in range(0, size_hw[0], rows)
    ]
    return torch.cat(bands, dim=-2)


def resized_rows(logits_1CHW: Tensor, size_hw: tuple[int, int], first: int, last: int) -> Tensor:
    """Rows `first` to `last` (not included) of logits that are resized bilinearly to a size."""
    old = logits_1CHW.shape[-2]
    rows_H = torch.arange(first, min(last, size_hw[0]))
    source_H = ((rows_H + 0.5) * (old / size_hw[0]) - 0.5).clamp(min=0)
    above_H = source_H.long().clamp(max=old - 1)
    below_H = (above_H + 1).clamp(max=old - 1)
    share_H1 = (source_H - above_H)[:, None]
    band_1CHW = torch.lerp(logits_1CHW[..., above_H, :], logits_1CHW[..., below_H, :], share_H1)
    return interpolate(band_1CHW, (len(rows_H), size_hw[1]), mode="bilinear")
