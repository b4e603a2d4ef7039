"""Pictures at another width."""

from __future__ import annotations

import cv2
import numpy as np

from mtl_ase.tasks import Picture


def with_width(picture: Picture, width: int, enlarging: int) -> Picture:
    """A picture at another width, with its aspect ratio.

    Args:
        picture: RGB bytes.
        width: in pixels.
        enlarging: OpenCV's interpolation for a larger one; a smaller one is averaged by area, since
            thin lines would be lost otherwise.
    """
    interpolation = cv2.INTER_AREA if picture.shape[1] > width else enlarging
    size = (width, max(1, round(picture.shape[0] * width / picture.shape[1])))
    return cv2.resize(picture, size, interpolation=interpolation).astype(np.uint8, copy=False)
