"""Resizing of an image to the input size, and random augmentation in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mtl_ase.base.bounds import Weight
from mtl_ase.base.errors import UserError
from mtl_ase.data.colour_jitter import ColourJitter
from mtl_ase.data.random_crop import RandomCrop
from mtl_ase.data.stepped_warp import make_stepped_resize, make_stepped_warp
from mtl_ase.data.warp import Fit, Warp, make_warp


class Augmentation:
    """Fit, flip, rotation, zoom and crop in one warp; then colour jitter.

    Two recipes are configs: `m3vit` (Vandenhende's, adopted by M3ViT and MTLoRA) and `atrc`
    (ATRC's, adopted by InvPT and its successors). Our deviations from the first: the aspect ratio
    is kept, label pixels from outside the image are ignored, one resampling instead of several,
    antialiased images, connected lines, normals without interpolation. A third recipe,
    `m3vit_faithful`, reproduces the lineage without these deviations.

    Args:
        flip: probability of a horizontal flip.
        rotation: largest angle in degrees; uniform in [-rotation, rotation].
        scale: [least, largest] zoom factor, uniform.
        fit: how an image is fitted into the input, also in evaluation: contain, pad or squash.
        crop: chooses the crop of an enlarged image; None: centre crop.
        colour: colour jitter, or None.
        outside_is_background: label pixels from outside the image are background, not ignored (a
            flaw of the lineage).
        faithful: resample exactly as Vandenhende and M3ViT do, also in evaluation; requires
            fit=squash, outside_is_background=true and no crop. See `SteppedWarp`.

    Raises:
        UserError: a value is out of range, or `faithful` is combined with other options.
    """

    def __init__(
        self,
        flip: float,
        rotation: Weight,
        scale: Sequence[Weight],
        fit: Fit = "contain",
        crop: RandomCrop | None = None,
        colour: ColourJitter | None = None,
        outside_is_background: bool = False,
        faithful: bool = False,
    ) -> None:
        if len(scale) != 2 or not 0 < scale[0] <= scale[1]:
            raise UserError(f"data.augmentation.scale={scale} is no [least, largest] zoom over 0.")
        if not 0 <= flip <= 1:
            raise UserError(f"data.augmentation.flip={flip} is no probability; choose 0 to 1.")
        if faithful and (fit != "squash" or not outside_is_background or crop is not None):
            raise UserError(
                "data.augmentation.faithful=true goes with fit=squash, outside_is_background=true "
                "and crop=null; choose data/augmentation=m3vit_faithful."
            )
        self.flip, self.rotation, self.fit, self.faithful = flip, rotation, fit, faithful
        self.low, self.high = scale
        self.crop, self.colour = crop, colour
        self.outside_is_background = outside_is_background

    def draw(
        self,
        rng: np.random.Generator,
        source_hw: tuple[int, int],
        size_hw: tuple[int, int],
        maps: Mapping[str, NDArray[np.uint8]] | None = None,
    ) -> Warp:
        """Draw a random warp from source to output size; `maps` are for crops that need a label."""

        def warp(shift_xy: tuple[float, float] = (0.0, 0.0)) -> Warp:
            return make_warp(
                source_hw,
                size_hw,
                mirror,
                angle,
                scale,
                self.fit,
                shift_xy,
                self.outside_is_background,
            )

        mirror = bool(rng.random() < self.flip)
        angle = rng.uniform(-self.rotation, self.rotation)
        scale = rng.uniform(self.low, self.high)
        if self.faithful:
            return make_stepped_warp(source_hw, size_hw, mirror, angle, scale)
        if self.crop is None:
            return warp()
        return self.crop.choose(rng, warp, (maps or {}).get(self.crop.task))

    def recolour(self, rng: np.random.Generator, image_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Apply the colour jitter, if any."""
        return image_HWC if self.colour is None else self.colour(rng, image_HWC)

    def plain(self, source_hw: tuple[int, int], size_hw: tuple[int, int]) -> Warp:
        """The deterministic warp, for evaluation."""
        if self.faithful:
            return make_stepped_resize(source_hw, size_hw)
        return make_warp(source_hw, size_hw, fit=self.fit)
