"""Random geometry of training images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mtl_ase.data.warp import Warp, make_warp
from mtl_ase.errors import UserError


class Augmentation:
    """Flip, rotation and scaling in one warp, as M3ViT draws them (lineage: PASCAL-Context recipe).

    Our deviation: what comes from outside the image is ignored, not background.

    Args:
        flip: probability of a mirror image.
        rotation: largest angle, degrees either way, uniform.
        scale: least and largest zoom, uniform.

    Raises:
        UserError: a probability or a zoom is out of range.
    """

    def __init__(self, flip: float, rotation: float, scale: Sequence[float]) -> None:
        self.flip, self.rotation = flip, rotation
        if len(scale) != 2 or not 0 < scale[0] <= scale[1]:
            raise UserError(f"data.augmentation.scale={scale} is no [least, largest] zoom over 0.")
        if not 0 <= flip <= 1:
            raise UserError(f"data.augmentation.flip={flip} is no probability; choose 0 to 1.")
        self.low, self.high = scale

    def draw(
        self, rng: np.random.Generator, source_hw: tuple[int, int], size_hw: tuple[int, int]
    ) -> Warp:
        """One random warp from source to output size."""
        return make_warp(
            source_hw,
            size_hw,
            mirror=bool(rng.random() < self.flip),
            angle=rng.uniform(-self.rotation, self.rotation),
            scale=rng.uniform(self.low, self.high),
        )
