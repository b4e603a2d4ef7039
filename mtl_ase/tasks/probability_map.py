"""Probabilities as an output. Legend: C channels, H W pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.data.labels.files import read_png
from mtl_ase.tasks.output import Array, Output, Picture, mixed

LEVELS = 255
IGNORE = 255
IGNORED_COLOUR = (88, 88, 128)
OVERLAY_COLOUR = (255, 64, 0)


class ProbabilityMap(Output):
    """The sigmoid of one channel: float32 (H, W) from 0 to 1.

    Drawn from black (0) to white (1); labels that are ignored (255) are bluish grey. In PNG files
    p = byte / 255.
    """

    def activate(self, logits_CHW: Tensor) -> Tensor:
        """The sigmoid of the first channel, (H, W)."""
        return logits_CHW[0].sigmoid()

    def truncate(self, prediction: Tensor) -> Tensor:
        """The largest p = byte / 255 that is not above the probability."""
        return (prediction.float() * LEVELS).floor() / LEVELS

    def colours(self, map_: Array) -> Picture:
        """Shades of grey."""
        shades_HW = (np.clip(map_.astype(np.float32), 0, 1) * LEVELS).astype(np.uint8)
        rgb_HWC = np.repeat(shades_HW[..., None], 3, axis=-1)
        rgb_HWC[map_ == IGNORE] = IGNORED_COLOUR
        return rgb_HWC

    def overlay(self, image_HWC: Picture, prediction: Array) -> Picture:
        """The likelier, the more orange."""
        orange_HWC = np.broadcast_to(np.array(OVERLAY_COLOUR, np.uint8), image_HWC.shape)
        return mixed(image_HWC, orange_HWC, 0.85 * prediction)

    def png(self, prediction: Array) -> Image.Image:
        """A grey image of the nearest bytes."""
        return Image.fromarray(np.round(prediction * LEVELS).astype(np.uint8))

    def read_png(self, path: Path) -> Array:
        """Bytes / 255, float32 (H, W)."""
        return read_png(path, cv2.IMREAD_GRAYSCALE).astype(np.float32) / LEVELS

    def check(self, name: str, path: Path, pixels: Array) -> None:
        """Probabilities are numbers from 0 to 1."""
        super().check(name, path, pixels)
        if not 0 <= pixels.min() <= pixels.max() <= 1:
            raise UserError(
                f"{path} holds numbers from {pixels.min():g} to {pixels.max():g}, which are no "
                "probabilities; write 0 to 1."
            )
