"""Surface normals as an output. Legend: C = 3 components, H W pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from mtl_ase.base.errors import UserError
from mtl_ase.data.labels.files import read_png
from mtl_ase.tasks.output import Array, Output, Picture, mixed

LEVELS = 255


class NormalMap(Output):
    """Unit vectors: float32 (3, H, W); x right, y down, z towards the viewer.

    Components from -1 to 1 are drawn as red, green and blue; labels that are ignored (0, 0, 0) are
    mid-grey. In PNG files n = 2 byte / 255 - 1.
    """

    def activate(self, logits_CHW: Tensor) -> Tensor:
        """Every pixel's vector scaled to length 1, (3, H, W)."""
        return normalize(logits_CHW, dim=0)

    def truncate(self, prediction: Tensor) -> Tensor:
        """Each component as the largest 2 byte / 255 - 1 that is not above it."""
        return ((prediction.float() + 1) * (LEVELS / 2)).floor() * (2 / LEVELS) - 1

    def colours(self, map_: Array) -> Picture:
        """x, y and z as red, green and blue."""
        vectors_HWC = map_.transpose(1, 2, 0).astype(np.float32)
        return np.round((vectors_HWC + 1) * (LEVELS / 2)).astype(np.uint8)

    def overlay(self, image_HWC: Picture, prediction: Array) -> Picture:
        """The colours of the normals, the image shining through."""
        return mixed(image_HWC, self.colours(prediction), 0.75)

    def png(self, prediction: Array) -> Image.Image:
        """An RGB image."""
        return Image.fromarray(self.colours(prediction))

    def read_png(self, path: Path) -> Array:
        """2 bytes / 255 - 1, float32 (H, W, 3)."""
        return read_png(path, cv2.IMREAD_COLOR_RGB).astype(np.float32) * 2 / LEVELS - 1

    def check(self, name: str, path: Path, pixels: Array) -> None:
        """Vectors have three components."""
        shape = (*pixels.shape[:2], 3)
        if pixels.shape != shape:
            raise UserError(f"{path} has the shape {pixels.shape}, but {name} needs {shape}.")
