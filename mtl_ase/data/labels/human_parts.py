"""Human parts: Pascal-Part's annotation of persons, merged into six parts and background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mtl_ase.base.errors import BadFile
from mtl_ase.data.labels.facts import FACTS
from mtl_ase.data.labels.files import read_mat
from mtl_ase.data.labels.label import IGNORE, Array, ClassMap
from mtl_ase.data.warp import Warp


class HumanParts(ClassMap):
    """uint8 0 background, 1 head, 2 torso, 3 upper arm, 4 lower arm, 5 upper leg, 6 lower leg.

    Parts are drawn in file order, later ones over earlier ones. An image without any part is all
    ignored (the lineage's AddIgnoreRegions), also if the warp moves all parts out of the image.
    """

    num_classes = 7

    def paths(self, root: Path, image_id: str) -> list[Path]:
        """The path of the Pascal-Part file."""
        return [root / "human_parts" / f"{image_id}.mat"]

    def decode(self, path: Path, root: Path, image_id: str) -> Array:
        """Draw the parts of all persons."""
        annotation = read_mat(path, "anno")
        try:
            parts = self._painted(path, annotation)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise BadFile(f"{path} holds no Pascal-Part annotation; restore the file.") from error
        if parts.ndim != 2 or not parts.size:
            raise BadFile(f"{path} holds no map of parts; restore the file.")
        return _ignore_if_empty(parts)

    def _painted(self, path: Path, annotation: Any) -> Array:
        """The map of parts; an unexpected structure raises numpy's own exceptions."""
        objects = annotation[0, 0]["objects"].ravel()
        parts = np.zeros(objects[0]["mask"].shape if len(objects) else (1, 1), np.uint8)
        for thing in objects:
            if int(thing["class_ind"].item()) != FACTS["person_class"] or not thing["parts"].size:
                continue
            for part in thing["parts"].ravel():
                name = part["part_name"].item()
                if name not in FACTS["human_parts"]:
                    raise BadFile(f"{path} has an unknown part {name!r} of a person; restore it.")
                parts[part["mask"] > 0] = FACTS["human_parts"][name]
        return parts

    def warp(self, stored: Array, warp: Warp) -> Array:
        """Warp by nearest neighbour; the result is all ignored if no part is left."""
        return _ignore_if_empty(super().warp(stored, warp))


def _ignore_if_empty(parts: Array) -> Array:
    some_part = ((parts > 0) & (parts < IGNORE)).any()
    return parts if some_part else np.full_like(parts, IGNORE)
