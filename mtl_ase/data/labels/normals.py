"""Surface normals: distilled maps, valid on some of the LabelMap's classes.

Legend: H W pixels, C = 3 components (x right, y down, z towards the viewer).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mtl_ase.data.labels.facts import FACTS
from mtl_ase.data.labels.files import label_map_path, read_label_map, read_png
from mtl_ase.data.labels.label import Array, Label
from mtl_ase.data.warp import Warp

VALID_LABEL_IDS: tuple[int, ...] = tuple(FACTS["normals_valid_label_ids"])
LEAST_NORM = 0.5


class Normals(Label):
    """float32 (H, W, 3) unit vectors, zero = ignore.

    Stored as n = 2 * byte / 255 - 1. Vectors shorter than 0.5 and classes on which distilled
    normals are not trusted become zero.

    Args:
        valid_everywhere: trust every stored normal; else only those on the 170 classes of the
            LabelMap on which the lineage trusts distilled normals.
    """

    ignore = 0.0

    def __init__(self, valid_everywhere: bool = False) -> None:
        self.valid_everywhere = valid_everywhere

    def paths(self, root: Path, image_id: str) -> list[Path]:
        """The distilled map."""
        return [root / "normals_distill" / f"{image_id}.png"]

    def blank(self, size_hw: tuple[int, int]) -> Array:
        """Zero vectors."""
        return np.zeros((*size_hw, 3), np.float32)

    def decode(self, path: Path, root: Path, image_id: str) -> Array:
        """Unit vectors where valid."""
        bytes_HWC = read_png(path, cv2.IMREAD_COLOR)[..., ::-1]
        normals_HWC = unit_or_zero(bytes_HWC.astype(np.float32) * (2 / 255) - 1)
        if not self.valid_everywhere:
            normals_HWC[~self._trusted(root, image_id, normals_HWC.shape[:2])] = 0
        return normals_HWC

    def warp(self, label: Array, warp: Warp) -> Array:
        """Move the map, and turn the vectors as the image turns."""
        normals_HWC = warp.apply(label, cv2.INTER_NEAREST, 0.0)
        normals_HWC[..., :2] = normals_HWC[..., :2] @ warp.turn_22.T.astype(np.float32)
        return normals_HWC

    def _trusted(self, root: Path, image_id: str, size_hw: tuple[int, ...]) -> NDArray[np.bool_]:
        path = label_map_path(root, image_id)
        if not path.is_file():
            return np.zeros(size_hw, bool)
        trusted_HW = np.isin(read_label_map(path), VALID_LABEL_IDS)
        if trusted_HW.shape != size_hw:
            resized = cv2.resize(trusted_HW.astype(np.uint8), size_hw[::-1], interpolation=0)
            trusted_HW = resized > 0
        return trusted_HW


def unit_or_zero(vectors_HWC: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors scaled to length 1; those shorter than 0.5 become zero."""
    norm_HW1 = np.linalg.norm(vectors_HWC, axis=-1, keepdims=True)
    scaled = vectors_HWC / np.maximum(norm_HW1, LEAST_NORM)
    return np.where(norm_HW1 > LEAST_NORM, scaled, np.float32(0))
