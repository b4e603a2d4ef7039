"""Colours: predictions and labels as RGB pictures of bytes, (H, W, 3).

Legend: H W pixels, C = 3 components.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

IGNORE = 255
IGNORED_GREY = 128


def _voc_palette() -> NDArray[np.uint8]:
    """The colour map of PASCAL VOC: the bits of an id in the high bits of red, green and blue."""
    ids = np.arange(256)
    rgb = np.zeros((256, 3), int)
    for bit in range(8):
        for channel in range(3):
            rgb[:, channel] |= ((ids >> (3 * bit + channel)) & 1) << (7 - bit)
    return rgb.astype(np.uint8)


VOC_PALETTE = _voc_palette()


def class_colours(ids_HW: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Class ids in VOC colours; ignored pixels (255) are VOC's cream white."""
    return VOC_PALETTE[ids_HW.astype(np.uint8)]


def grey(map_HW: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Values from 0 (black) to 1 (white); ignored pixels (255) are bluish grey."""
    shades_HW = (np.clip(map_HW.astype(np.float32), 0, 1) * 255).astype(np.uint8)
    rgb_HWC = np.repeat(shades_HW[..., None], 3, axis=-1)
    rgb_HWC[map_HW == IGNORE] = (IGNORED_GREY - 40, IGNORED_GREY - 40, IGNORED_GREY)
    return rgb_HWC


def normal_colours(normals_CHW: NDArray[np.generic]) -> NDArray[np.uint8]:
    """x, y, z in [-1, 1] as red, green, blue; ignored pixels (0, 0, 0) are mid-grey."""
    return np.round((normals_CHW.transpose(1, 2, 0).astype(np.float32) + 1) * 127.5).astype(
        np.uint8
    )


def depth_colours(depth_HW: NDArray[np.generic], farthest: float = 20.0) -> NDArray[np.uint8]:
    """Depth in metres, from near (yellow) to `farthest` (blue); ignored pixels (0) are black."""
    near_HW = 255 * (1 - np.clip(depth_HW.astype(np.float32) / farthest, 0, 1))
    bgr_HWC = cv2.applyColorMap(near_HW.astype(np.uint8), cv2.COLORMAP_CIVIDIS)
    bgr_HWC[depth_HW == 0] = 0
    return bgr_HWC[..., ::-1].astype(np.uint8)
