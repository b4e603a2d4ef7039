"""The reader of the PASCAL_MT folder layout.

Legend: C channels, H W pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from mtl_ase.data.augmentation import Augmentation
from mtl_ase.data.labels import Label
from mtl_ase.data.sample import Sample
from mtl_ase.data.sample_order import Key
from mtl_ase.data.warp import make_warp
from mtl_ase.errors import UserError


class PascalMT(Dataset[Sample]):
    """One split of a data set in the PASCAL_MT layout.

    With an augmentation, image and training targets are warped together to `size_hw`; the warp
    comes from (seed, epoch, index) alone. Without, the image is resized to `size_hw` and the labels
    are the truth for scoring in their own size.

    Args:
        root: folder that holds JPEGImages, ImageSets and the label folders.
        split: name of a list in ImageSets/Context.
        labels: kinds to read, by task.
        size_hw: size of the network's input.
        augmentation: random geometry, or None.
        seed: of the augmentation.

    Raises:
        UserError: the split list is missing or empty.
    """

    def __init__(
        self,
        root: Path,
        split: str,
        labels: Mapping[str, Label],
        size_hw: tuple[int, int],
        augmentation: Augmentation | None = None,
        seed: int = 0,
    ) -> None:
        self.root, self.split, self.labels, self.size_hw = root, split, labels, size_hw
        self.augmentation, self.seed = augmentation, seed
        self.image_ids = read_split(root, split)

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, key: Key) -> Sample:
        """The sample for (epoch, index); the epoch only matters for the augmentation."""
        epoch, index = key
        image_id = self.image_ids[index]
        image_HWC = self._read_image(image_id)
        source_hw = image_HWC.shape[:2]
        truth = self.augmentation is None
        maps = {
            name: label.read(self.root, image_id, source_hw, truth)
            for name, label in self.labels.items()
        }
        if self.augmentation is None:
            warp = make_warp(source_hw, self.size_hw)
        else:
            rng = np.random.default_rng((self.seed, epoch, index))
            warp = self.augmentation.draw(rng, source_hw, self.size_hw)
            maps = {name: label.warp(maps[name], warp) for name, label in self.labels.items()}
        tensors = {name: _to_tensor(array) for name, array in maps.items()}
        return Sample(image_id, _to_tensor(warp.apply_to_image(image_HWC)), tensors)

    def coverage(self) -> dict[str, int]:
        """How many images of the split have a label file, by task."""
        return {
            name: sum(label.find(self.root, image_id) is not None for image_id in self.image_ids)
            for name, label in self.labels.items()
        }

    def fingerprint(self) -> str:
        """A short hash of the image ids and their file sizes."""
        digest = hashlib.sha256()
        for image_id in self.image_ids:
            size = self._image_path(image_id).stat().st_size
            digest.update(f"{image_id} {size}\n".encode())
        return digest.hexdigest()[:16]

    def _image_path(self, image_id: str) -> Path:
        path = self.root / "JPEGImages" / f"{image_id}.jpg"
        if not path.is_file():
            raise UserError(f"{path} is missing, but {self.split}.txt lists it; restore the file.")
        return path

    def _read_image(self, image_id: str) -> NDArray[np.uint8]:
        path = self._image_path(image_id)
        image_HWC = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if image_HWC is None:
            raise UserError(f"{path} can't be read as a JPEG; restore the file.")
        return image_HWC.astype(np.uint8, copy=False)


def read_split(root: Path, split: str) -> list[str]:
    """The image ids of a split.

    Raises:
        UserError: the list is missing or empty.
    """
    path = root / "ImageSets" / "Context" / f"{split}.txt"
    if not path.is_file():
        raise UserError(f"{path} is missing; check data.root, or restore the split list.")
    image_ids = path.read_text().split()
    if not image_ids:
        raise UserError(f"{path} lists no images; restore the split list.")
    return image_ids


def _to_tensor(pixels: NDArray[np.generic]) -> Tensor:
    """A map as a tensor of its own memory; channels come first."""
    channels_first = pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return torch.from_numpy(np.array(channels_first, order="C"))
