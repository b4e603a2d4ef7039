"""Depth maps. Shapes: H W pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mtl_ase.data.labels.files import read_png
from mtl_ase.data.labels.label import Array, Label


class Depth(Label):
    """float32 metres along the optical axis, 0 = ignore; files store millimetres.

    Zoom augmentation does not rescale depths, as in the lineage.
    """

    ignore = background = 0.0

    def paths(self, root: Path, image_id: str) -> list[Path]:
        """The 16-bit PNG of synthetic scenes."""
        return [root / "depth" / f"{image_id}.png"]

    def decode(self, path: Path, root: Path, image_id: str) -> Array:
        """Convert millimetres to metres."""
        return read_png(path, cv2.IMREAD_UNCHANGED).astype(np.float32) / 1000

    def ignored_stored(self, size_hw: tuple[int, int]) -> Array:
        """0 everywhere."""
        return np.zeros(size_hw, np.float32)

    def problems(self, stored: Array) -> list[str]:
        """Negative or non-finite depths."""
        wrong = ~np.isfinite(stored) | (stored < 0)
        return ["some distances are negative or not finite"] if wrong.any() else []
