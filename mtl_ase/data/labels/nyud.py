"""NYUD-v2 in the layout of InvPT and ATRC: one folder per label, one file per image.

Legend: H W pixels.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mtl_ase.data.labels.depth import Depth
from mtl_ase.data.labels.edges import Edges
from mtl_ase.data.labels.files import read_npy, read_png, read_png_ids
from mtl_ase.data.labels.label import Array, ClassMap
from mtl_ase.data.labels.normals import Normals


class NYUDSemseg(ClassMap):
    """uint8 ids 0..39, 255 = ignore; the files store 1..40, and 0 for unlabelled pixels."""

    num_classes = 40

    def paths(self, root: Path, image_id: str) -> list[Path]:
        """The class map."""
        return [root / "segmentation" / f"{image_id}.png"]

    def decode(self, path: Path, root: Path, image_id: str) -> Array:
        """One less than stored; 0 becomes 255."""
        return read_png_ids(path) - np.uint8(1)


class NYUDEdges(Edges):
    """uint8 1 edge, 0 not, 255 = ignore; the same map in training and in evaluation."""

    def paths(self, root: Path, image_id: str) -> list[Path]:
        """The edge map."""
        return [root / "edge" / f"{image_id}.png"]

    def decode(self, path: Path, root: Path, image_id: str) -> Array:
        """Threshold at one half."""
        return (read_png(path, cv2.IMREAD_GRAYSCALE) > 127.5).astype(np.uint8)

    def decode_truth(self, path: Path, root: Path, image_id: str) -> Array:
        """As in training."""
        return self.decode(path, root, image_id)


class NYUDNormals(Normals):
    """float32 (H, W, 3) unit vectors, zero = ignore; stored as in PASCAL-Context."""

    def __init__(self, cubic: bool = False) -> None:
        super().__init__(valid_everywhere=True, cubic=cubic)

    def paths(self, root: Path, image_id: str) -> list[Path]:
        """The normal map."""
        return [root / "normals" / f"{image_id}.png"]


class NYUDDepth(Depth):
    """float32 metres, 0 = ignore."""

    def paths(self, root: Path, image_id: str) -> list[Path]:
        """The depth map."""
        return [root / "depth" / f"{image_id}.npy"]

    def decode(self, path: Path, root: Path, image_id: str) -> Array:
        """Metres as stored."""
        with np.errstate(over="ignore"):  # float64 values beyond float32 become inf
            return read_npy(path).astype(np.float32)
