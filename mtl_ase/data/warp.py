"""The affine warp that moves an image and all its labels together.

Legend: H W pixels; matrices are 23 (affine) and 22 (linear), in (x, y) order.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mtl_ase.data.image_files import LONGEST_SIDE, EncodedImage

HALF = 0.501
"""Rounding offset: a little over 0.5, so that all ties between two pixels round the same way."""
Fit = Literal["contain", "pad", "squash"]


class Box(NamedTuple):
    """A rectangle, in output pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Warp:
    """An affine map from source to output pixels, composed of rotation, mirror and resize.

    Attributes:
        matrix_23: maps source coordinates (x, y, 1) to output (x, y); pixel centres are integers.
        turn_22: its orthogonal part: rotation and mirror.
        source_hw: (H, W) of the source.
        size_hw: (H, W) of the output.
        outside_is_background: label pixels from outside the source are background, not ignored.
    """

    matrix_23: NDArray[np.float64]
    turn_22: NDArray[np.float64]
    source_hw: tuple[int, int]
    size_hw: tuple[int, int]
    outside_is_background: bool = False

    mixes_vectors: ClassVar[bool] = False
    """Whether normals are interpolated between pixels, as the lineage does."""

    @property
    def scale(self) -> float:
        """Output pixels per source pixel, as a ratio of lengths."""
        (a, b, _), (c, d, _) = self.matrix_23.tolist()
        return math.sqrt(abs(a * d - b * c))

    @property
    def step_xy(self) -> tuple[float, float]:
        """Source pixels per output pixel, along x and along y."""
        (a, b, _), (c, d, _) = cv2.invertAffineTransform(self.matrix_23).tolist()
        return math.hypot(a, b), math.hypot(c, d)

    @property
    def brush_hw(self) -> tuple[int, int]:
        """(H, W) in source pixels that keeps lines connected under nearest-neighbour sampling."""
        width, height = (math.ceil(round(step, 3)) for step in self.step_xy)
        return height, width

    def apply(self, pixels: NDArray[Any], interpolation: int, border: float) -> NDArray[Any]:
        """Warp a map, (H, W) or (H, W, C); pixels from outside get the value `border`."""
        return warp_affine(pixels, self.matrix_23, self.size_hw, interpolation, border)

    def apply_to_image(self, image_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Warp an image bilinearly, with an antialiasing blur if it shrinks; black outside."""
        if self.scale < 0.95:
            sigma = 0.5 * math.sqrt(1 / self.scale**2 - 1)
            size = 2 * math.ceil(2 * sigma) + 1
            image_HWC = cv2.GaussianBlur(image_HWC, (size, size), sigma).astype(
                np.uint8, copy=False
            )
        return self.apply(image_HWC, cv2.INTER_LINEAR, 0.0)

    def apply_to_encoded(self, image: EncodedImage) -> NDArray[np.uint8]:
        """Decode and warp an image, decoded at no higher resolution than the output needs.

        Raises:
            BadFile: the file can't be decoded.
        """
        most = min(self.step_xy)
        reduction = max(size for size in image.reductions if size == 1 or size <= most)
        return self._from_reduced(reduction).apply_to_image(image.pixels(reduction))

    def pick(self, pixels: NDArray[Any], border: float) -> NDArray[Any]:
        """Warp a map, (H, W) or (H, W, C), by nearest neighbour.

        The sampling positions are computed once for all maps of a sample.
        """
        picked: NDArray[Any] = cv2.remap(
            pixels,
            self._source_HW2,
            None,  # type: ignore[call-overload]
            cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(border,) * 4,
        )
        return picked

    def coarser(self, factor: int) -> Warp:
        """The same warp with an output resolution divided by `factor`, rounded up."""
        size_hw = (-(-self.size_hw[0] // factor), -(-self.size_hw[1] // factor))
        shrink_22 = np.diag([1 / factor] * 2)
        matrix_23 = shrink_22 @ self.matrix_23
        matrix_23[:, 2] += 0.5 / factor - 0.5
        return Warp(matrix_23, self.turn_22, self.source_hw, size_hw)

    def _from_reduced(self, reduction: int) -> Warp:
        """The same warp, for a source decoded at 1 / reduction of its size, rounded up."""
        matrix_23 = self.matrix_23.copy()
        matrix_23[:, 2] += (reduction - 1) / 2 * matrix_23[:, :2].sum(1)
        matrix_23[:, :2] *= reduction
        height, width = (-(-size // reduction) for size in self.source_hw)
        return Warp(matrix_23, self.turn_22, (height, width), self.size_hw)

    @functools.cached_property
    def _source_HW2(self) -> NDArray[np.int16]:
        """Nearest source pixel (column, row) of every output pixel."""
        source_HW2 = np.empty((*self.size_hw, 2), np.int16)
        x_W, y_H1 = np.arange(self.size_hw[1]), np.arange(self.size_hw[0])[:, None]
        for axis, (a, b, c) in enumerate(cv2.invertAffineTransform(self.matrix_23)):
            x_terms_W, y_terms_H1 = a * x_W + (c + HALF), b * y_H1
            position_HW = x_terms_W.astype(np.float32) + y_terms_H1.astype(np.float32)
            ends = [p + q for p in x_terms_W[[0, -1]] for q in y_terms_H1[[0, -1], 0]]
            if min(ends) < 0 or max(ends) > LONGEST_SIDE:
                np.clip(position_HW, -1, np.float32(LONGEST_SIDE), out=position_HW)
                np.floor(position_HW, out=position_HW)
            source_HW2[..., axis] = position_HW
        return source_HW2


def warp_affine(
    pixels: NDArray[Any],
    matrix_23: NDArray[np.float64],
    size_hw: tuple[int, int],
    interpolation: int,
    border: float,
) -> NDArray[Any]:
    """Map source pixels by an affine matrix; pixels from outside get the value `border`."""
    return cv2.warpAffine(
        pixels,
        matrix_23,
        size_hw[::-1],
        flags=interpolation,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(border,) * 4,
    )


def fit_box(source_hw: tuple[int, int], size_hw: tuple[int, int], fit: Fit) -> Box:
    """The rectangle of the output that the whole source fills.

    "squash" fills the output, and the aspect may change. "contain" keeps the aspect and fills the
    output in one direction; "pad" does so for a source that is larger than the output, and takes
    a smaller one as it is. Both centre it. Sizes are whole pixels, so the aspect is kept to half a
    pixel.
    """
    if fit == "squash":
        return Box(0, 0, *size_hw)
    ratio = min(size_hw[0] / source_hw[0], size_hw[1] / source_hw[1])
    ratio = min(ratio, 1.0) if fit == "pad" else ratio
    height, width = (
        min(size, max(1, round(ratio * source)))
        for source, size in zip(source_hw, size_hw, strict=True)
    )
    return Box((size_hw[0] - height) // 2, (size_hw[1] - width) // 2, height, width)


def make_warp(
    source_hw: tuple[int, int],
    size_hw: tuple[int, int],
    mirror: bool = False,
    angle: float = 0.0,
    scale: float = 1.0,
    fit: Fit = "squash",
    shift_xy: tuple[float, float] = (0.0, 0.0),
    outside_is_background: bool = False,
) -> Warp:
    """Mirror, rotate and zoom a source about its centre, and fit it into the output.

    Args:
        source_hw: (H, W) of the source.
        size_hw: (H, W) of the output.
        mirror: flip horizontally.
        angle: rotation in degrees, counter-clockwise on the screen.
        scale: zoom factor; the output size stays.
        fit: how the whole source is fitted into the output at scale 1, see `fit_box`.
        shift_xy: translation right and down, in output pixels.
        outside_is_background: label pixels from outside the source are background, not ignored.
    """
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turn_22 = np.array([[cosine, sine], [-sine, cosine]]) @ np.diag([-1.0 if mirror else 1.0, 1.0])
    box = fit_box(source_hw, size_hw, fit)
    resize_22 = np.diag([box.width / source_hw[1], box.height / source_hw[0]])
    linear_22 = scale * resize_22 @ turn_22
    source_centre = (np.array(source_hw[::-1]) - 1) / 2
    box_centre = np.array([box.left + (box.width - 1) / 2, box.top + (box.height - 1) / 2])
    shift_2 = box_centre + shift_xy - linear_22 @ source_centre
    matrix_23 = np.column_stack([linear_22, shift_2])
    return Warp(matrix_23, turn_22, source_hw, size_hw, outside_is_background)
