"""Semantic segmentation labels: 20 VOC classes and background."""

from __future__ import annotations

from pathlib import Path

from mtl_ase.data.labels.files import read_png_ids
from mtl_ase.data.labels.label import Array, ClassMap


class Semseg(ClassMap):
    """uint8 ids 0..20, 255 = ignore; from VOC12 if that file exists, else PASCAL-Context."""

    num_classes = 21

    def paths(self, root: Path, image_id: str) -> list[Path]:
        """The paths in VOC12 and in PASCAL-Context."""
        return [root / "semseg" / s / f"{image_id}.png" for s in ("VOC12", "pascal-context")]

    def decode(self, path: Path, root: Path, image_id: str) -> Array:
        """The ids as stored."""
        return read_png_ids(path)
