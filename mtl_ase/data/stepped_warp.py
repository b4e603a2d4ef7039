"""The lineage's geometric augmentation: successive transforms, each of which resamples.

Legend: H W pixels, C channels; matrices are 23 (affine) and 22 (linear), in (x, y) order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mtl_ase.data.image_files import EncodedImage
from mtl_ase.data.warp import Warp, make_warp, warp_affine


@dataclass(frozen=True)
class SteppedWarp(Warp):
    """Mirror, then rotation with zoom at the source's size, then a resize that fills the output.

    Source: the transforms of Multi-Task-Learning-PyTorch, which M3ViT and MTLoRA share. Images and
    normals are interpolated bicubically without antialiasing; other labels take OpenCV's nearest
    neighbour in every step (rounded down in the resize), and lines are not widened. The rotation is
    about (W / 2, H / 2), half a pixel off the centre.

    Attributes:
        mirror: flip horizontally.
        rotation_23: affine matrix of rotation and zoom in source pixels; None: no rotation.
    """

    mirror: bool = False
    rotation_23: NDArray[np.float64] | None = None

    mixes_vectors: ClassVar[bool] = True

    @property
    def brush_hw(self) -> tuple[int, int]:
        """(1, 1): lines are not widened."""
        return 1, 1

    def apply(self, pixels: NDArray[Any], interpolation: int, border: float) -> NDArray[Any]:
        """Warp a map, (H, W) or (H, W, C); pixels from outside get the value `border`."""
        if self.mirror:
            pixels = cv2.flip(pixels, 1)
        if self.rotation_23 is not None:
            pixels = warp_affine(pixels, self.rotation_23, self.source_hw, interpolation, border)
        return cv2.resize(pixels, self.size_hw[::-1], interpolation=interpolation)

    def apply_to_image(self, image_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Warp an image; black outside. Overshoots of the interpolation wrap around (uint8)."""
        moved_HWC = self.apply(image_HWC.astype(np.float32), cv2.INTER_CUBIC, 0.0)
        return moved_HWC.astype(np.int32).astype(np.uint8)

    def apply_to_encoded(self, image: EncodedImage) -> NDArray[np.uint8]:
        """Decode an image at full size and warp it.

        Raises:
            BadFile: the file can't be decoded.
        """
        return self.apply_to_image(image.pixels())

    def pick(self, pixels: NDArray[Any], border: float) -> NDArray[Any]:
        """Warp a map, (H, W) or (H, W, C), by OpenCV's nearest neighbour in every step."""
        return self.apply(pixels, cv2.INTER_NEAREST, border)


def make_stepped_warp(
    source_hw: tuple[int, int],
    size_hw: tuple[int, int],
    mirror: bool = False,
    angle: float = 0.0,
    scale: float = 1.0,
) -> SteppedWarp:
    """The warp of a training sample; label pixels from outside the source are background.

    Args:
        source_hw: (H, W) of the source.
        size_hw: (H, W) of the output.
        mirror: flip horizontally.
        angle: rotation in degrees, counter-clockwise on the screen.
        scale: zoom factor; the output size stays.
    """
    height, width = source_hw
    rotation_23 = np.asarray(
        cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale), np.float64
    )
    resize = make_warp(source_hw, size_hw)
    flip = make_warp(source_hw, source_hw, mirror)
    whole_33 = _square(resize.matrix_23) @ _square(rotation_23) @ _square(flip.matrix_23)
    turn_22 = np.asarray(rotation_23[:, :2] @ flip.turn_22 / scale, np.float64)
    return SteppedWarp(whole_33[:2], turn_22, source_hw, size_hw, True, mirror, rotation_23)


def make_stepped_resize(source_hw: tuple[int, int], size_hw: tuple[int, int]) -> SteppedWarp:
    """Only the resize, for evaluation."""
    resize = make_warp(source_hw, size_hw)
    return SteppedWarp(resize.matrix_23, resize.turn_22, source_hw, size_hw, True)


def _square(matrix_23: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vstack([matrix_23, [0.0, 0.0, 1.0]])
