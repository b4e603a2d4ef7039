"""Saliency: a grey map thresholded at one half."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mtl_ase.data.labels.files import read_png
from mtl_ase.data.labels.label import Array, ClassMap


class Saliency(ClassMap):
    """uint8 1 salient, 0 not, 255 = ignore; salient where the stored grey value is over 0.5."""

    num_classes = 2

    def paths(self, root: Path, image_id: str) -> list[Path]:
        """The distilled map."""
        return [root / "sal_distill" / f"{image_id}.png"]

    def decode(self, path: Path, root: Path, image_id: str) -> Array:
        """Threshold at one half."""
        return (read_png(path, cv2.IMREAD_GRAYSCALE) > 127.5).astype(np.uint8)
