"""The kind of a task's output: from logits to a prediction, its size, its colours and its files.

A prediction is the map of one image: (H, W), or (C, H, W) for vectors. A picture is RGB bytes,
(H, W, 3). Legend: C channels, H W pixels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from mtl_ase.base.errors import UserError

Array = NDArray[Any]
Picture = NDArray[np.uint8]


class Output(ABC):
    """One kind of output; a task names its own in `Task.output`.

    Attributes:
        png_is_exact: whether a PNG file holds a prediction without rounding.
    """

    png_is_exact: ClassVar[bool] = False

    @abstractmethod
    def activate(self, logits_CHW: Tensor) -> Tensor:
        """The prediction of every pixel from its logits alone."""

    def resize(self, prediction: Tensor, size_hw: Sequence[int]) -> Tensor:
        """A prediction of another size; bilinear."""
        planes_1CHW = prediction[None] if prediction.ndim == 3 else prediction[None, None]
        resized_1CHW = interpolate(planes_1CHW, tuple(size_hw), mode="bilinear")
        return resized_1CHW[0] if prediction.ndim == 3 else resized_1CHW[0, 0]

    def truncate(self, prediction: Tensor) -> Tensor:
        """The prediction truncated to 8 bits, as the lineage's prediction files hold it."""
        return prediction

    @abstractmethod
    def colours(self, map_: Array) -> Picture:
        """A prediction or label as a picture."""

    @abstractmethod
    def overlay(self, image_HWC: Picture, prediction: Array) -> Picture:
        """The prediction drawn over the image of the same size."""

    @abstractmethod
    def png(self, prediction: Array) -> Image.Image:
        """The prediction as an image for a PNG file."""

    @abstractmethod
    def read_png(self, path: Path) -> Array:
        """A prediction from a PNG file, (H, W) or (H, W, C).

        Raises:
            BadFile: the file can't be read.
        """

    def check(self, name: str, path: Path, pixels: Array) -> None:
        """Check a prediction that was read from a file, (H, W) or (H, W, C).

        Args:
            name: name of the task.
            path: the file.
            pixels: its content.

        Raises:
            UserError: shape or values are none of this kind.
        """
        if pixels.ndim != 2:
            raise UserError(
                f"{path} has the shape {pixels.shape}, but {name} needs {pixels.shape[:2]}."
            )


def mixed(image_HWC: Picture, colours_HWC: Picture, opacity_HW: Array | float) -> Picture:
    """Colours over an image; opacity 0 shows the image alone, 1 the colours alone."""
    weight = np.asarray(opacity_HW, np.float32)[..., None]
    blend_HWC = image_HWC * (1 - weight) + colours_HWC * weight
    return np.round(blend_HWC).astype(np.uint8)
