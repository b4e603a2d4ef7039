"""Real values as an output, such as depth in metres. Legend: C channels, H W pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from torch import Tensor

from mtl_ase.base.bounds import AboveZero
from mtl_ase.base.errors import BadFile
from mtl_ase.data.labels.files import read_png
from mtl_ase.tasks.output import Array, Output, Picture, mixed

THOUSANDTHS = 1000
MOST = 65535


class ValueMap(Output):
    """One channel as it is: float32 (H, W), in the label's unit.

    Drawn from yellow (0) to blue (`highest`); labels that are ignored are black. PNG files hold
    thousandths in 16 bits, for depth millimetres, from 0 to 65.535.

    Args:
        highest: the value that is drawn darkest.
        ignored: value of label pixels that are ignored.
    """

    def __init__(self, highest: AboveZero, ignored: float = 0.0) -> None:
        self.highest, self.ignored = highest, ignored

    def activate(self, logits_CHW: Tensor) -> Tensor:
        """The first channel, (H, W)."""
        return logits_CHW[0]

    def colours(self, map_: Array) -> Picture:
        """From yellow to blue."""
        values_HW = map_.astype(np.float32)
        near_HW = 255 * (1 - np.clip(values_HW / self.highest, 0, 1))
        bgr_HWC = cv2.applyColorMap(near_HW.astype(np.uint8), cv2.COLORMAP_CIVIDIS)
        bgr_HWC[values_HW == self.ignored] = 0
        return bgr_HWC[..., ::-1].astype(np.uint8)

    def overlay(self, image_HWC: Picture, prediction: Array) -> Picture:
        """The colours of the values, the image shining through."""
        return mixed(image_HWC, self.colours(prediction), 0.75)

    def png(self, prediction: Array) -> Image.Image:
        """A 16-bit grey image of thousandths."""
        thousandths_HW = np.clip(np.round(prediction * THOUSANDTHS), 0, MOST)
        return Image.fromarray(thousandths_HW.astype(np.uint16))

    def read_png(self, path: Path) -> Array:
        """Thousandths, float32 (H, W)."""
        pixels = read_png(path, cv2.IMREAD_UNCHANGED)
        if pixels.dtype != np.uint16:
            raise BadFile(
                f"{path} has {pixels.dtype} pixels where thousandths need 16 bits; write it as "
                "16-bit grey, or as .npy."
            )
        return pixels.astype(np.float32) / THOUSANDTHS
