"""What all kinds of labels share: where the files lie, and how a map is read, stored and warped.

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
    """One kind of ground truth in a data set's folder.

    A map without a label, wholly or in places, holds the kind's ignore value there; so an image
    without a file is "ignore everywhere" and nobody else needs to know. A map has two forms: the
    stored one, small integers that files are decoded to and packs keep, and the finished one that
    losses and metrics take. For most kinds they are the same.

    Attributes:
        ignore: value of stored pixels without a label.
        background: value of stored pixels that show none of the things to find.
    """

    ignore: float = IGNORE
    background: float = 0

    @abstractmethod
    def paths(self, root: Path, image_id: str) -> list[Path]:
        """Files that may hold the label, the first that exists counts."""

    @abstractmethod
    def decode(self, path: Path, root: Path, image_id: str) -> Array:
        """The training target of one file in its stored form, (H, W) or (H, W, C)."""

    def decode_truth(self, path: Path, root: Path, image_id: str) -> Array:
        """The map that predictions are scored against; by default the training target."""
        return self.decode(path, root, image_id)

    def to_target(self, stored: Array) -> Array:
        """A stored map as losses and metrics take it; by default as it is."""
        return stored

    def sources(self, root: Path, image_id: str) -> list[Path]:
        """Every file that the decoded map depends on; by default those that may hold it."""
        return self.paths(root, image_id)

    def problems(self, stored: Array) -> list[str]:
        """What is wrong with a decoded map, one phrase each; by default nothing is."""
        return []

    @property
    def truth_differs(self) -> bool:
        """Whether predictions are scored against another map than the training target."""
        return type(self).decode_truth is not Label.decode_truth

    def ignored_stored(self, size_hw: tuple[int, int]) -> Array:
        """A stored map of this size that ignores everything."""
        return np.full(size_hw, self.ignore, np.uint8)

    def ignored_target(self, size_hw: tuple[int, int]) -> Array:
        """A finished map of this size that ignores everything."""
        return self.to_target(self.ignored_stored(size_hw))

    def find(self, root: Path, image_id: str) -> Path | None:
        """The image's label file, or None where it is unlabelled.

        Raises:
            BadFile: what has its name is no file, or it may not be looked for.
        """
        return next((path for path in self.paths(root, image_id) if is_there(path)), None)

    def read_stored(self, root: Path, image_id: str, truth: bool) -> Array | None:
        """The stored map of one image in the file's own size; None where it is unlabelled.

        Raises:
            BadFile: the file can't be read, or holds what it must not.
        """
        path = self.find(root, image_id)
        if path is None:
            return None
        stored = (self.decode_truth if truth else self.decode)(path, root, image_id)
        for problem in self.problems(stored):
            raise BadFile(f"{path}: {problem}; restore the file.")
        return stored

    def resize_to(self, stored: Array, size_hw: tuple[int, int]) -> Array:
        """A stored map in its image's size."""
        if stored.shape[:2] != size_hw:
            return cv2.resize(stored, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        return stored

    def warp(self, stored: Array, warp: Warp) -> Array:
        """The finished map moved along with the image; pixels from outside are ignored."""
        return self.to_target(self.warp_stored(stored, warp))

    def warp_stored(self, stored: Array, warp: Warp) -> Array:
        """The stored map moved along with the image, by nearest neighbour."""
        border = self.background if warp.outside_is_background else self.ignore
        return warp.pick(stored, border)


class ClassMap(Label):
    """A map of small integers, 255 = ignore.

    Attributes:
        num_classes: values below it are classes.
    """

    num_classes = IGNORE

    def problems(self, stored: Array) -> list[str]:
        """Values that are neither a class nor 255."""
        values = np.flatnonzero(np.bincount(stored.ravel(), minlength=1))
        wrong = [str(value) for value in values if self.num_classes <= value < IGNORE]
        return [f"values {', '.join(wrong)} are no classes"] if wrong else []
