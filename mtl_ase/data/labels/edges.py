"""Edges: boundaries of the 459-class LabelMap.

Legend: H W pixels.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mtl_ase.data.labels.files import label_map_path, read_label_map
from mtl_ase.data.labels.label import Array, ClassMap
from mtl_ase.data.labels.thinning import thin
from mtl_ase.data.warp import Warp


class Edges(ClassMap):
    """uint8 1 edge, 0 not, 255 = ignore.

    Training target: |Laplacian(LabelMap)| > 0, thinned (Vandenhende's loader). Truth for scoring:
    pixels that differ from their east, south or south-east neighbour, thinned (SEISM's seg2bmap and
    bwmorph).
    """

    num_classes = 2

    def paths(self, root: Path, image_id: str) -> list[Path]:
        """The path of the LabelMap."""
        return [label_map_path(root, image_id)]

    def decode(self, path: Path, root: Path, image_id: str) -> Array:
        """Thinned zero crossings of the LabelMap."""
        laplacian_HW = cv2.Laplacian(read_label_map(path).astype(np.float64), cv2.CV_64F)
        return thin(laplacian_HW != 0).astype(np.uint8)

    def decode_truth(self, path: Path, root: Path, image_id: str) -> Array:
        """Thinned segment boundaries."""
        return thin(boundaries(read_label_map(path))).astype(np.uint8)

    def warp(self, stored: Array, warp: Warp) -> Array:
        """Warp the map; lines are dilated first when the image shrinks, to stay connected.

        An output pixel is an edge if any of the source pixels it covers is; lines are then at most
        two pixels wide and connected. (The lineage does not dilate, which breaks lines:
        data/augmentation=m3vit_faithful.)
        """
        if max(warp.brush_hw) > 1:
            brush = np.ones(warp.brush_hw, np.uint8)
            lines_HW = cv2.dilate((stored == 1).view(np.uint8), brush)
            stored = lines_HW if stored.max() <= 1 else np.where(lines_HW, lines_HW, stored)
        return super().warp(stored, warp)


def boundaries(segments_HW: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Pixels whose segment differs from the east, south or south-east neighbour's.

    Comparing ids is equivalent to comparing segments, the 4-connected regions of one id: diagonal
    neighbours of the same id can belong to two segments, but then the pixels east and south differ
    and mark the boundary anyway.
    """
    padded_HW = np.pad(segments_HW, ((0, 1), (0, 1)), mode="edge")
    east, south, corner = padded_HW[:-1, 1:], padded_HW[1:, :-1], padded_HW[1:, 1:]
    return (segments_HW != east) | (segments_HW != south) | (segments_HW != corner)
