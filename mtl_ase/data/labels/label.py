"""Base classes of label readers: locating files, and reading, storing and warping maps.

Legend: H W pixels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mtl_ase.base.errors import BadFile
from mtl_ase.data.present import is_there
from mtl_ase.data.warp import Warp

Array = NDArray[Any]
IGNORE = 255


class Label(ABC):
    """Reader of one kind of ground truth in a data set's folder.

    Unlabelled pixels have the value `ignore`; an image without a label file has an all-ignored map,
    so that no other code needs a special case. A map has two forms: the stored map, which files
    are decoded to and packs contain (mostly uint8), and the target, which losses and metrics take.
    For most kinds they are the same.

    Attributes:
        ignore: value of unlabelled pixels in stored maps.
        background: value of background pixels in stored maps.
    """

    ignore: float = IGNORE
    background: float = 0

    @abstractmethod
    def paths(self, root: Path, image_id: str) -> list[Path]:
        """Candidate paths of the label file; the first that exists is used."""

    @abstractmethod
    def decode(self, path: Path, root: Path, image_id: str) -> Array:
        """Decode a file to the stored map of the training target, (H, W) or (H, W, C)."""

    def decode_truth(self, path: Path, root: Path, image_id: str) -> Array:
        """Decode a file to the stored map for evaluation; by default that of training."""
        return self.decode(path, root, image_id)

    def to_target(self, stored: Array) -> Array:
        """Convert a stored map to the form that losses and metrics take; default: unchanged."""
        return stored

    def sources(self, root: Path, image_id: str) -> list[Path]:
        """Every file that the decoded map depends on; by default `paths`."""
        return self.paths(root, image_id)

    def problems(self, stored: Array) -> list[str]:
        """Descriptions of invalid values in a decoded map; by default none."""
        return []

    @property
    def truth_differs(self) -> bool:
        """Whether the map for evaluation differs from the training target."""
        return type(self).decode_truth is not Label.decode_truth

    def ignored_stored(self, size_hw: tuple[int, int]) -> Array:
        """An all-ignored stored map of this (H, W)."""
        return np.full(size_hw, self.ignore, np.uint8)

    def ignored_target(self, size_hw: tuple[int, int]) -> Array:
        """An all-ignored target of this (H, W)."""
        return self.to_target(self.ignored_stored(size_hw))

    def find(self, root: Path, image_id: str) -> Path | None:
        """The image's label file, or None if there is none.

        Raises:
            BadFile: the path is not a file, or its folder is not accessible.
        """
        return next((path for path in self.paths(root, image_id) if is_there(path)), None)

    def read_stored(self, root: Path, image_id: str, truth: bool) -> Array | None:
        """The stored map of one image at the file's own size; None if there is no label.

        Args:
            root: folder of the data set.
            image_id: id of the image.
            truth: read the map for evaluation instead of the training target.

        Raises:
            BadFile: the file can't be read, or contains invalid values.
        """
        path = self.find(root, image_id)
        if path is None:
            return None
        stored = (self.decode_truth if truth else self.decode)(path, root, image_id)
        for problem in self.problems(stored):
            raise BadFile(f"{path}: {problem}; restore the file.")
        return stored

    def resize_to(self, stored: Array, size_hw: tuple[int, int]) -> Array:
        """Resize a stored map to its image's (H, W) by nearest neighbour."""
        if stored.shape[:2] != size_hw:
            return cv2.resize(stored, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        return stored

    def warp(self, stored: Array, warp: Warp) -> Array:
        """Warp a stored map like the image and convert it to a target, see `warp_stored`."""
        return self.to_target(self.warp_stored(stored, warp))

    def warp_stored(self, stored: Array, warp: Warp) -> Array:
        """Warp a stored map by nearest neighbour; outside is ignored, or background (see Warp)."""
        border = self.background if warp.outside_is_background else self.ignore
        return warp.pick(stored, border)


class ClassMap(Label):
    """A map of small integers, 255 = ignore.

    Attributes:
        num_classes: number of classes; their ids are 0..num_classes - 1.
    """

    num_classes = IGNORE

    def problems(self, stored: Array) -> list[str]:
        """Values that are neither a class nor 255."""
        values = np.flatnonzero(np.bincount(stored.ravel(), minlength=1))
        wrong = [str(value) for value in values if self.num_classes <= value < IGNORE]
        return [f"values {', '.join(wrong)} are no classes"] if wrong else []
