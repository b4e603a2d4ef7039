"""What all kinds of labels share: where the files lie, and how a map is read and warped.

Legend: H W pixels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mtl_ase.data.warp import Warp

Array = NDArray[Any]
IGNORE = 255


class Label(ABC):
    """One kind of ground truth in the PASCAL_MT folder layout.

    A map without a label, wholly or in places, holds the kind's ignore value there; so an image
    without a file is "ignore everywhere" and nobody else needs to know.

    Attributes:
        ignore: value of pixels without a label.
    """

    ignore: float = IGNORE

    @abstractmethod
    def paths(self, root: Path, image_id: str) -> list[Path]:
        """Files that may hold the label, the first that exists counts."""

    @abstractmethod
    def decode(self, path: Path, root: Path, image_id: str) -> Array:
        """The training target of one file, (H, W) or (H, W, C)."""

    @abstractmethod
    def blank(self, size_hw: tuple[int, int]) -> Array:
        """A map of this size that ignores everything."""

    def decode_truth(self, path: Path, root: Path, image_id: str) -> Array:
        """The map that predictions are scored against; by default the training target."""
        return self.decode(path, root, image_id)

    def find(self, root: Path, image_id: str) -> Path | None:
        """The image's label file, or None where it is unlabelled."""
        return next((path for path in self.paths(root, image_id) if path.is_file()), None)

    def read(self, root: Path, image_id: str, size_hw: tuple[int, int], truth: bool) -> Array:
        """The map of one image in the image's size; all ignore where it is unlabelled."""
        path = self.find(root, image_id)
        if path is None:
            return self.blank(size_hw)
        label = (self.decode_truth if truth else self.decode)(path, root, image_id)
        if label.shape[:2] != size_hw:
            label = cv2.resize(label, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        return label

    def warp(self, label: Array, warp: Warp) -> Array:
        """The map moved along with the image; pixels from outside are ignored."""
        return warp.apply(label, cv2.INTER_NEAREST, self.ignore)


class ClassMap(Label):
    """A map of small integers, 255 = ignore."""

    def blank(self, size_hw: tuple[int, int]) -> Array:
        """255 everywhere."""
        return np.full(size_hw, IGNORE, np.uint8)
