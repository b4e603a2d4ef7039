"""A loader that follows the published code of the paper's lineage, for speed comparisons.

Steps: decode the JPEG with Pillow; semseg; the LabelMap (Laplacian, thinning); parts from the
MATLAB file; saliency; normals (the LabelMap again, one mask a class); flip; rotation and zoom of
every map by itself; resize of every map; ignore regions; floats; normalisation. Source: the
descriptions of the loader and transforms of Multi-Task-Learning-PyTorch, which M3ViT and MTLoRA
reuse; no code is copied.

Legend: H W pixels, C channels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scipy.io
import torch
from PIL import Image

from mtl_ase.data.labels.facts import FACTS
from mtl_ase.data.labels.normals import VALID_LABEL_IDS
from mtl_ase.data.labels.thinning import thin as our_thin

Array = np.ndarray[Any, Any]

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
CUBIC = ("image", "normals")


def usual_thin() -> Callable[[Array], Array]:
    """scikit-image's thinning, as the lineage uses it; our faster one if it is not installed."""
    try:
        from skimage.morphology import thin
    except ImportError:
        return our_thin
    return thin


class UsualLoader:
    """Training samples as the lineage's loaders make them.

    Args:
        root: folder of a data set in the PASCAL_MT layout.
        size: height and width of the network's input, in pixels.
        seed: seed of the augmentation.

    Attributes:
        seconds: accumulated seconds by step.
    """

    def __init__(self, root: Path, size: int, seed: int = 0) -> None:
        self.root, self.size = root, size
        self.rng = np.random.default_rng(seed)
        self.thin = usual_thin()
        self.seconds: dict[str, float] = {}

    def __call__(self, image_id: str) -> dict[str, torch.Tensor]:
        """One augmented sample: image and labels as float tensors, (C, H, W)."""
        with self._timed("image"):
            path = self.root / "JPEGImages" / f"{image_id}.jpg"
            image = np.array(Image.open(path).convert("RGB")).astype(np.float32)
        sample = {"image": image, **self._labels(image_id, image.shape[:2])}
        with self._timed("flip, rotation, zoom"):
            sample = self._augmented(sample)
        with self._timed("resize"):
            sample = {name: self._resized(name, array) for name, array in sample.items()}
        with self._timed("ignore, tensors, normalise"):
            return self._tensors(sample)

    def _labels(self, image_id: str, size_hw: tuple[int, ...]) -> dict[str, Array]:
        labels = {}
        with self._timed("semseg"):
            path = self.root / "semseg" / "VOC12" / f"{image_id}.png"
            if not path.is_file():
                path = self.root / "semseg" / "pascal-context" / f"{image_id}.png"
            labels["semseg"] = np.array(Image.open(path)).astype(np.float32)
        with self._timed("edge: LabelMap"):
            label_map = self._label_map(image_id)
        with self._timed("edge: Laplacian, thin"):
            laplacian = cv2.Laplacian(label_map.astype(np.float64), cv2.CV_64F)
            labels["edge"] = self.thin(np.abs(laplacian) > 0).astype(np.float32)
        with self._timed("human parts"):
            labels["human_parts"] = self._parts(image_id, size_hw)
        with self._timed("saliency"):
            path = self.root / "sal_distill" / f"{image_id}.png"
            labels["saliency"] = (np.array(Image.open(path)) > 127.5).astype(np.float32)
        with self._timed("normals"):
            path = self.root / "normals_distill" / f"{image_id}.png"
            if path.is_file():
                labels["normals"] = self._normals(path, image_id)
        return labels

    def _label_map(self, image_id: str) -> Array:
        path = self.root / "pascal-context" / "trainval" / f"{image_id}.mat"
        label_map: Array = scipy.io.loadmat(path)["LabelMap"]
        return label_map

    def _parts(self, image_id: str, size_hw: tuple[int, ...]) -> Array:
        parts = np.zeros(size_hw, np.float32)
        path = self.root / "human_parts" / f"{image_id}.mat"
        if not path.is_file():
            return parts
        for thing in scipy.io.loadmat(path)["anno"][0, 0]["objects"].ravel():
            if int(thing["class_ind"].item()) == FACTS["person_class"] and thing["parts"].size:
                for part in thing["parts"].ravel():
                    parts[part["mask"] > 0] = FACTS["human_parts"][part["part_name"].item()]
        return parts

    def _normals(self, path: Path, image_id: str) -> Array:
        normals = 2.0 * np.array(Image.open(path)).astype(np.float32) / 255 - 1
        label_map, valid = self._label_map(image_id), np.zeros(normals.shape[:2], bool)
        for value in np.unique(label_map):
            if value in VALID_LABEL_IDS:
                valid |= label_map == value
        return normals * valid[..., None]

    def _augmented(self, sample: dict[str, Array]) -> dict[str, Array]:
        if self.rng.random() < 0.5:
            sample = {name: cv2.flip(array, 1) for name, array in sample.items()}
            if "normals" in sample:
                sample["normals"][..., 0] *= -1
        angle, zoom = self.rng.uniform(-20, 20), self.rng.uniform(0.75, 1.25)
        warped = {}
        for name, array in sample.items():
            height, width = array.shape[:2]
            matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, zoom)
            warped[name] = cv2.warpAffine(array, matrix, (width, height), flags=_flags(name))
        if "normals" in warped:
            x, y = warped["normals"][..., 0].copy(), warped["normals"][..., 1].copy()
            radius, direction = np.hypot(x, y), np.arctan2(x, y) + np.radians(angle)
            warped["normals"][..., 0] = np.sin(direction) * radius
            warped["normals"][..., 1] = np.cos(direction) * radius
        return warped

    def _resized(self, name: str, array: Array) -> Array:
        resized = cv2.resize(array, (self.size, self.size), interpolation=_flags(name))
        if name == "normals":
            resized = resized / (np.linalg.norm(resized, axis=2, keepdims=True) + 1e-12)
        return resized

    def _tensors(self, sample: dict[str, Array]) -> dict[str, torch.Tensor]:
        if not sample["human_parts"].any():
            sample["human_parts"] = np.full_like(sample["human_parts"], 255)
        if "normals" in sample:
            sample["normals"][np.linalg.norm(sample["normals"], axis=2) == 0] = 255
        sample["image"] = (sample["image"].clip(0, 255).astype(np.uint8) / 255.0 - MEAN) / STD
        return {
            name: torch.from_numpy(
                np.ascontiguousarray(np.atleast_3d(array).transpose(2, 0, 1), np.float32)
            )
            for name, array in sample.items()
        }

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[step] = self.seconds.get(step, 0) + time.perf_counter() - start


def _flags(name: str) -> int:
    return cv2.INTER_CUBIC if name in CUBIC else cv2.INTER_NEAREST
