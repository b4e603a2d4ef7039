"""Logits of a large image from overlapping windows of the network's input size.

Legend: N windows, C channels, H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mtl_ase.base.bounds import AboveZero, Positive, Share
from mtl_ase.base.errors import UserError
from mtl_ase.data.warp import Box

Compute = Callable[[Tensor], Mapping[str, Tensor]]
"""From image_NCHW of the input size to logits_NCHW by task."""
LEAST_WEIGHT = 1e-3
"""Weight of a window's outermost pixels: above 0 for those that no other window holds."""


@dataclass(frozen=True)
class SlidingWindows:
    """How windows are laid over an image, and how many are computed at once.

    Where windows overlap, their logits are averaged with weights that fall from the centre of each
    to its rim (sine squared along both axes), so that no seam is seen.

    Attributes:
        zoom: the image is first resized to this many times the size at which it fits into one
            window, but never enlarged; None: it keeps its size.
        overlap: least share of a window's length that the next one overlaps.
        batch_size: windows that are computed at once.

    Raises:
        UserError: windows would not move.
    """

    zoom: AboveZero | None = 2.0
    overlap: Share = 0.5
    batch_size: Positive = 4

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < 1:
            raise UserError(f"overlap={self.overlap} is no share below 1; choose e.g. 0.5.")
        if self.zoom is not None and self.zoom < 1:
            raise UserError(f"zoom={self.zoom} is below 1, one window for all; choose 1 or more.")

    def scaled_size(self, image_hw: tuple[int, int], window_hw: tuple[int, int]) -> tuple[int, int]:
        """(H, W) to which an image is resized before windows are laid over it."""
        ratio = min(window_hw[0] / image_hw[0], window_hw[1] / image_hw[1])
        if self.zoom is None or self.zoom * ratio >= 1:
            return image_hw
        height, width = (max(1, round(self.zoom * ratio * size)) for size in image_hw)
        return height, width

    def boxes(self, image_hw: tuple[int, int], window_hw: tuple[int, int]) -> list[Box]:
        """The windows, row by row, evenly spaced; no larger than the image."""
        size_hw = (min(image_hw[0], window_hw[0]), min(image_hw[1], window_hw[1]))
        tops, lefts = (
            self._starts(image, size) for image, size in zip(image_hw, size_hw, strict=True)
        )
        return [Box(top, left, *size_hw) for top in tops for left in lefts]

    def logits(
        self, compute: Compute, image_CHW: Tensor, window_hw: tuple[int, int]
    ) -> dict[str, Tensor]:
        """Blended logits_CHW of an image by task, on the CPU.

        Args:
            compute: the network, for inputs of the size `window_hw`.
            image_CHW: bytes.
            window_hw: (H, W) of the network's input; smaller images are centred in black.
        """
        image_hw = (image_CHW.shape[1], image_CHW.shape[2])
        sums: dict[str, Tensor] = {}
        weight_HW = torch.zeros(image_hw)
        for boxes in self._batches(self.boxes(image_hw, window_hw)):
            inputs, place = _inputs(image_CHW, boxes, window_hw)
            of_windows = compute(inputs)
            fade_HW = _fade(boxes[0].height, boxes[0].width)
            for number, box in enumerate(boxes):
                _part(weight_HW, box).add_(fade_HW)
                for task, logits_NCHW in of_windows.items():
                    if task not in sums:
                        sums[task] = torch.zeros(logits_NCHW.shape[1], *image_hw)
                    logits_CHW = _part(logits_NCHW[number], place).float().cpu()
                    _part(sums[task], box).addcmul_(logits_CHW, fade_HW)
        return {task: sum_CHW.div_(weight_HW) for task, sum_CHW in sums.items()}

    def _starts(self, image: int, window: int) -> list[int]:
        count = math.ceil((image - window) / (window * (1 - self.overlap))) + 1
        return torch.linspace(0, image - window, count).round().int().tolist()

    def _batches(self, boxes: list[Box]) -> Iterator[list[Box]]:
        for start in range(0, len(boxes), self.batch_size):
            yield boxes[start : start + self.batch_size]


def _inputs(image_CHW: Tensor, boxes: list[Box], window_hw: tuple[int, int]) -> tuple[Tensor, Box]:
    """image_NCHW of windows, and the part of each that the image fills."""
    height, width = boxes[0].height, boxes[0].width
    top, left = (window_hw[0] - height) // 2, (window_hw[1] - width) // 2
    place = Box(top, left, height, width)
    inputs_NCHW = image_CHW.new_zeros(len(boxes), len(image_CHW), *window_hw)
    for number, box in enumerate(boxes):
        _part(inputs_NCHW[number], place).copy_(_part(image_CHW, box))
    return inputs_NCHW, place


def _part(map_: Tensor, box: Box) -> Tensor:
    """The view of a map, (..., H, W), inside a box."""
    return map_[..., box.top : box.top + box.height, box.left : box.left + box.width]


def _fade(height: int, width: int) -> Tensor:
    """Weights of a window's pixels, (H, W)."""
    rows_H, columns_W = (
        torch.sin((torch.arange(size) + 0.5) * (math.pi / size)).square().clamp(min=LEAST_WEIGHT)
        for size in (height, width)
    )
    return rows_H[:, None] * columns_W
