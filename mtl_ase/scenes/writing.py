"""Writing rendered scenes in the PASCAL_MT folder layout."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from mtl_ase.scenes.labels import PART_NAMES, PERSON
from mtl_ase.scenes.render import Scene

JPEG_QUALITY = 95
MAT_HEADER = b"MATLAB 5.0 MAT-file, written by mtl_ase scenes".ljust(116)
FOLDERS = (
    "JPEGImages",
    "semseg/VOC12",
    "human_parts",
    "pascal-context/trainval",
    "sal_distill",
    "normals_distill",
    "depth",
    "ImageSets/Context",
)


def make_folders(root: Path) -> None:
    """Create the folders of the layout under root."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)


def write_scene(root: Path, name: str, scene: Scene) -> None:
    """Write the files of one image; `human_parts` only if a person is visible."""
    bgr_HWC = np.ascontiguousarray(scene.image_HWC[:, :, ::-1])
    _image(root / f"JPEGImages/{name}.jpg", bgr_HWC, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    _image(root / f"semseg/VOC12/{name}.png", scene.semseg_HW)
    _image(root / f"sal_distill/{name}.png", 255 * scene.saliency_HW)
    _image(root / f"normals_distill/{name}.png", encode_normals(scene.normals_3HW)[:, :, ::-1])
    _image(root / f"depth/{name}.png", encode_depth(scene.depth_HW))
    _mat(root / f"pascal-context/trainval/{name}.mat", {"LabelMap": scene.label_map_HW})
    people = scene.people
    if people:
        _mat(root / f"human_parts/{name}.mat", {"anno": _annotation(name, scene, people)})


def encode_normals(normals_3HW: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Encode normals n as RGB bytes x, (H, W, 3), by n = 2 x / 255 - 1; 128 for no normal."""
    return np.ascontiguousarray((normals_3HW * 127.5 + 128).astype(np.uint8).transpose(1, 2, 0))


def encode_depth(depth_HW: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Depth in metres as 16-bit millimetres."""
    return np.rint(depth_HW * 1000).astype(np.uint16)


def write_split(root: Path, split: str, names: list[str]) -> None:
    """Write the list of image names of a split."""
    text = "".join(f"{name}\n" for name in names)
    (root / f"ImageSets/Context/{split}.txt").write_text(text, encoding="utf-8")


def _image(path: Path, pixels: NDArray[np.integer], options: list[int] | None = None) -> None:
    done, encoded = cv2.imencode(path.suffix, pixels, options or [])
    if not done:
        raise OSError(f"could not encode {path}")
    path.write_bytes(encoded.tobytes())  # says so when the disk is full, unlike OpenCV


def _mat(path: Path, variables: dict[str, object]) -> None:
    """Write a MAT v5 file without the time in its header, so that equal scenes give equal files."""
    buffer = io.BytesIO()
    savemat(buffer, variables, do_compression=True)
    path.write_bytes(MAT_HEADER + buffer.getvalue()[len(MAT_HEADER) :])


def _annotation(name: str, scene: Scene, people: list[int]) -> dict[str, object]:
    """The `anno` struct of Pascal-Part: mask and part masks of every visible person."""
    objects = np.empty(
        (1, len(people)),
        [("class", "O"), ("class_ind", "O"), ("mask", "O"), ("parts", "O")],
    )
    for at, number in enumerate(people):
        mask_HW = scene.thing_HW == number
        objects[0, at] = ("person", PERSON, mask_HW.astype(np.uint8), _parts(scene, mask_HW))
    return {"imname": name, "objects": objects}


def _parts(scene: Scene, mask_HW: NDArray[np.bool_]) -> NDArray[np.void]:
    limbs = np.flatnonzero(np.bincount(scene.limb_HW[mask_HW]))
    parts = np.empty((1, len(limbs)), [("part_name", "O"), ("mask", "O")])
    for at, limb in enumerate(limbs):
        limb_HW = mask_HW & (scene.limb_HW == limb)
        parts[0, at] = (PART_NAMES[limb], limb_HW.astype(np.uint8))
    return parts
