"""A change of geometry that moves an image and all its labels at once.

Legend: H W pixels; matrices are 23 (affine) and 22 (linear), in (x, y) order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Warp:
    """An affine map from source to output pixels, made of a resize and a turn.

    Attributes:
        matrix_23: takes source pixel coordinates (x, y, 1) to output ones; centres are integers.
        turn_22: the rotation and mirror in it, orthogonal.
        size_hw: size of the output.
    """

    matrix_23: NDArray[np.float64]
    turn_22: NDArray[np.float64]
    size_hw: tuple[int, int]

    @property
    def scale(self) -> float:
        """Output pixels per source pixel, as a length."""
        return math.sqrt(abs(np.linalg.det(self.matrix_23[:, :2])))

    @property
    def step_xy(self) -> tuple[float, float]:
        """Source pixels, along x and along y, that a step of one output pixel covers."""
        x, y = np.linalg.norm(np.linalg.inv(self.matrix_23[:, :2]), axis=1)
        return float(x), float(y)

    def apply(self, pixels: NDArray[Any], interpolation: int, border: float) -> NDArray[Any]:
        """Move a map, (H, W) or (H, W, C); pixels from outside take the border value."""
        return cv2.warpAffine(
            pixels,
            self.matrix_23,
            self.size_hw[::-1],
            flags=interpolation,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(border,) * 4,
        )

    def apply_to_image(self, image_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Move an image: blurred against aliasing when it shrinks, then linear; black outside."""
        if self.scale < 0.95:
            image_HWC = cv2.GaussianBlur(
                image_HWC, (0, 0), 0.5 * math.sqrt(1 / self.scale**2 - 1)
            ).astype(np.uint8)
        return self.apply(image_HWC, cv2.INTER_LINEAR, 0.0)


def make_warp(
    source_hw: tuple[int, int],
    size_hw: tuple[int, int],
    mirror: bool = False,
    angle: float = 0.0,
    scale: float = 1.0,
) -> Warp:
    """Resize to `size_hw` (the aspect may change) after a mirror, turn and zoom about the centre.

    Args:
        source_hw: size of the source.
        size_hw: size of the output.
        mirror: left and right change places.
        angle: degrees, counter-clockwise as seen.
        scale: zoom at constant output size.
    """
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turn_22 = np.array([[cosine, sine], [-sine, cosine]]) @ np.diag([-1.0 if mirror else 1.0, 1.0])
    resize_22 = np.diag([size_hw[1] / source_hw[1], size_hw[0] / source_hw[0]])
    linear_22 = scale * resize_22 @ turn_22
    source_centre = (np.array(source_hw[::-1]) - 1) / 2
    output_centre = (np.array(size_hw[::-1]) - 1) / 2
    shift_2 = output_centre - linear_22 @ source_centre
    return Warp(np.column_stack([linear_22, shift_2]), turn_22, size_hw)
