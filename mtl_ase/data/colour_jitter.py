"""Random brightness, contrast, saturation and hue of byte images. Shapes: H W pixels, C = 3."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mtl_ase.base.bounds import Weight

Levels = NDArray[np.float64]


class ColourJitter:
    """Changes brightness, contrast, saturation and hue, each with probability one half.

    Source: PhotoMetricDistortion of ATRC and InvPT (from SSD). Contrast is changed after brightness
    or after hue, at random. Changes are applied by lookup tables of 256 levels.

    Args:
        brightness: largest shift, in levels of 0 to 255.
        contrast: largest relative change, e.g. 0.5 for factors of 0.5 to 1.5.
        saturation: largest relative change.
        hue: largest shift, on OpenCV's circle of 180 units (2 degrees each).
    """

    def __init__(
        self,
        brightness: Weight = 32,
        contrast: Weight = 0.5,
        saturation: Weight = 0.5,
        hue: Weight = 18,
    ) -> None:
        self.brightness, self.contrast = brightness, contrast
        self.saturation, self.hue = saturation, hue

    def __call__(self, rng: np.random.Generator, image_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Apply random changes to an RGB image.

        Args:
            rng: source of the random changes.
            image_HWC: bytes, RGB.
        """
        levels = np.arange(256.0)
        shift = _draw(rng, self.brightness)
        gain = 1 + _draw(rng, self.contrast)
        contrast_last = rng.random() < 0.5
        strength = 1 + _draw(rng, self.saturation)
        hue_shift = _draw(rng, self.hue)
        first = _bytes(levels + shift)
        first = first if contrast_last else _bytes(first * gain)
        image_HWC = cv2.LUT(image_HWC, first).astype(np.uint8, copy=False)
        if strength != 1 or hue_shift != 0:
            hsv_HWC = cv2.cvtColor(image_HWC, cv2.COLOR_RGB2HSV)
            hue = np.rint(levels + hue_shift) % 180
            table = np.stack([hue.astype(np.uint8), _bytes(levels * strength), _bytes(levels)], 1)
            hsv_HWC = cv2.LUT(hsv_HWC, table[None])
            image_HWC = cv2.cvtColor(hsv_HWC, cv2.COLOR_HSV2RGB).astype(np.uint8, copy=False)
        if contrast_last and gain != 1:
            image_HWC = cv2.LUT(image_HWC, _bytes(levels * gain)).astype(np.uint8, copy=False)
        return image_HWC


def _draw(rng: np.random.Generator, largest: float) -> float:
    """Uniform in [-largest, largest] with probability one half, else 0."""
    amount = rng.uniform(-largest, largest)
    return amount if rng.random() < 0.5 else 0.0


def _bytes(levels: NDArray[np.generic]) -> NDArray[np.uint8]:
    return np.clip(np.asarray(levels, np.float64), 0, 255).astype(np.uint8)
