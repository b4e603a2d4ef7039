"""Surface normals: distilled maps, which are reliable on some of the LabelMap's classes.

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
from mtl_ase.data.present import is_there
from mtl_ase.data.warp import Warp

VALID_LABEL_IDS: tuple[int, ...] = tuple(FACTS["normals_valid_label_ids"])
LEAST_NORM = 0.5
LEAST_FLOAT = float(np.finfo(np.float32).tiny)
NO_NORMAL = 128
"""Byte of all components of unlabelled pixels; it decodes to a vector of length 0.007."""
PER_BYTE = np.float32(2 / 255)


class Normals(Label):
    """float32 (H, W, 3) unit vectors, zero = ignore.

    Stored as bytes, n = 2 * byte / 255 - 1. Vectors shorter than 0.5, and those on classes with
    unreliable distilled normals, become zero.

    Args:
        valid_everywhere: use every stored normal; otherwise only those on the 170 classes of the
            LabelMap on which the lineage uses distilled normals.
        cubic: warp training targets by bicubic interpolation, as the lineage does, which blends
            vectors across object boundaries and with unlabelled pixels. The augmentation
            m3vit_faithful always does.
    """

    ignore = background = NO_NORMAL

    def __init__(self, valid_everywhere: bool = False, cubic: bool = False) -> None:
        self.valid_everywhere, self.cubic = valid_everywhere, cubic

    def paths(self, root: Path, image_id: str) -> list[Path]:
        """The path of the distilled map."""
        return [root / "normals_distill" / f"{image_id}.png"]

    def sources(self, root: Path, image_id: str) -> list[Path]:
        """The distilled map, and the LabelMap whose classes select its valid pixels."""
        trust = [] if self.valid_everywhere else [label_map_path(root, image_id)]
        return self.paths(root, image_id) + trust

    def ignored_stored(self, size_hw: tuple[int, int]) -> Array:
        """NO_NORMAL everywhere."""
        return np.full((*size_hw, 3), NO_NORMAL, np.uint8)

    def decode(self, path: Path, root: Path, image_id: str) -> Array:
        """The stored bytes (H, W, 3), NO_NORMAL on classes with unreliable normals."""
        bytes_HWC = read_png(path, cv2.IMREAD_COLOR_RGB).astype(np.uint8)
        if not self.valid_everywhere:
            bytes_HWC[~self._trusted(root, image_id, bytes_HWC.shape[:2])] = NO_NORMAL
        return bytes_HWC

    def to_target(self, stored: Array) -> Array:
        """Decode the bytes to unit vectors, or zero."""
        return unit_or_zero(_decoded(stored))

    def ignored_target(self, size_hw: tuple[int, int]) -> Array:
        """Zero vectors."""
        return np.zeros((*size_hw, 3), np.float32)

    def warp(self, stored: Array, warp: Warp) -> Array:
        """Warp the map, and rotate and mirror the vectors like the image."""
        if self.cubic or warp.mixes_vectors:
            vectors_HWC = np.where(
                (stored == NO_NORMAL).all(-1, keepdims=True), 0, _decoded(stored)
            )
            mixed_HWC = warp.apply(vectors_HWC, cv2.INTER_CUBIC, 0.0)
            normals_HWC = unit_or_zero(mixed_HWC, least=LEAST_FLOAT)
        else:
            normals_HWC = super().warp(stored, warp)
        normals_HWC[..., :2] = normals_HWC[..., :2] @ warp.turn_22.T.astype(np.float32)
        return normals_HWC

    def _trusted(self, root: Path, image_id: str, size_hw: tuple[int, ...]) -> NDArray[np.bool_]:
        path = label_map_path(root, image_id)
        if not is_there(path):
            return np.zeros(size_hw, bool)
        trusted_HW = np.isin(read_label_map(path), VALID_LABEL_IDS)
        if trusted_HW.shape != size_hw:
            resized = cv2.resize(trusted_HW.astype(np.uint8), size_hw[::-1], interpolation=0)
            trusted_HW = resized > 0
        return trusted_HW


def _decoded(stored: Array) -> NDArray[np.float32]:
    """Decode bytes to vectors of about unit length; no vector is exactly zero."""
    vectors_HWC: NDArray[np.float32] = np.multiply(stored, PER_BYTE, dtype=np.float32)
    return vectors_HWC - np.float32(1)


def unit_or_zero(
    vectors_HWC: NDArray[np.float32], least: float = LEAST_NORM
) -> NDArray[np.float32]:
    """Normalise vectors to length 1; those of length `least` or less become zero."""
    norm_HW = np.sqrt(np.einsum("hwc,hwc->hw", vectors_HWC, vectors_HWC))
    scale_HW = np.where(norm_HW > least, 1 / np.maximum(norm_HW, least), np.float32(0))
    unit_HWC: NDArray[np.float32] = vectors_HWC * scale_HW[..., None]
    return unit_HWC
