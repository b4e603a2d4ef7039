"""Hand-made label files in the PASCAL_MT folder layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from scipy.io import savemat

from mtl_ase.data.labels import Edges, HumanParts, Label, Normals, Saliency, Semseg

LABELS: dict[str, Label] = {
    "semseg": Semseg(),
    "human_parts": HumanParts(),
    "saliency": Saliency(),
    "normals": Normals(valid_everywhere=True),
    "edge": Edges(),
}
"""How every kind of label file is read."""


def read_target(
    label: Label, root: Path, image_id: str, size_hw: tuple[int, int], truth: bool
) -> np.ndarray:
    """The target of one image in the image's size; all ignored where it is unlabelled."""
    stored = label.read_stored(root, image_id, truth)
    if stored is None:
        return label.ignored_target(size_hw)
    return label.to_target(label.resize_to(stored, size_hw))


Part = tuple[str, np.ndarray]
Thing = tuple[str, int, np.ndarray, Sequence[Part]]


def write_palette_png(path: Path, ids_HW: np.ndarray) -> None:
    """Ids as a palette PNG whose colours are nothing like the ids."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(ids_HW.astype(np.uint8))
    image.putpalette([channel for index in range(256) for channel in (255 - index, 7, index // 2)])
    image.save(path)


def write_png(path: Path, pixels: np.ndarray) -> None:
    """A plain PNG; three channels are red, green, blue."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels if pixels.ndim == 2 else pixels[..., ::-1])


def write_label_map(root: Path, image_id: str, label_map_HW: np.ndarray) -> None:
    """The 459-class map."""
    path = root / "pascal-context" / "trainval" / f"{image_id}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"LabelMap": label_map_HW.astype(np.uint16)}, do_compression=True)


def write_parts(root: Path, image_id: str, things: Sequence[Thing]) -> None:
    """A Pascal-Part file: `anno` holds objects with class, class_ind, mask and parts."""
    fields = [(name, "O") for name in ("class", "class_ind", "mask", "parts")]
    objects = np.empty((1, len(things)), fields)
    for at, (name, number, mask_HW, parts) in enumerate(things):
        array = np.empty((1, len(parts)), [("part_name", "O"), ("mask", "O")])
        for part_at, (part_name, part_HW) in enumerate(parts):
            array[0, part_at] = (part_name, part_HW.astype(np.uint8))
        objects[0, at] = (
            name,
            number,
            mask_HW.astype(np.uint8),
            array if parts else np.zeros((0, 0)),
        )
    path = root / "human_parts" / f"{image_id}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"anno": {"imname": image_id, "objects": objects}})


def write_image(root: Path, image_id: str, size_hw: tuple[int, int], seed: int = 0) -> None:
    """A smooth random JPEG."""
    path = root / "JPEGImages" / f"{image_id}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3)).astype(np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(coarse, size_hw[::-1]))


def write_split(root: Path, split: str, image_ids: Sequence[str]) -> None:
    """The list of a split."""
    path = root / "ImageSets" / "Context" / f"{split}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{image_id}\n" for image_id in image_ids))


def box(size_hw: tuple[int, int], top: int, bottom: int, left: int, right: int) -> np.ndarray:
    """A mask that is true in a box."""
    mask_HW = np.zeros(size_hw, bool)
    mask_HW[top:bottom, left:right] = True
    return mask_HW
