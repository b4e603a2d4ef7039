"""The Dataset of one split.

Legend: C channels, H W pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from mtl_ase.base.errors import BadFile
from mtl_ase.data.augmentation import Augmentation
from mtl_ase.data.image_files import open_image
from mtl_ase.data.label_maps import LabelMaps
from mtl_ase.data.labels import Label
from mtl_ase.data.labels.label import Array
from mtl_ase.data.layout import PASCAL_MT, FolderLayout
from mtl_ase.data.pack import Pack
from mtl_ase.data.present import is_there
from mtl_ase.data.sample import Sample
from mtl_ase.data.sample_order import Key
from mtl_ase.data.warp import Warp, fit_box

OnBadSample = Literal["raise", "skip"]
Read = TypeVar("Read")


class DenseDataset(Dataset[Sample]):
    """One split of a data set with dense labels.

    In training, the image and all targets are warped together to `size_hw`; the augmentation is a
    function of (seed, epoch, index) only. In evaluation, the image is resized to `size_hw` and the
    labels are the ground truth at the label files' own size.

    Args:
        root: folder of the data set.
        split: name of the split list.
        labels: label reader of each task.
        size_hw: (H, W) of the network's input.
        augmentation: resizing to the input size, and random augmentation in training.
        training: return augmented training targets; otherwise the ground truth for evaluation.
        seed: seed of the augmentation.
        layout: paths of images and split lists below `root`.
        pack: decoded labels of the split; None decodes the files.
        on_bad_sample: what to do with files that can't be read: "raise", or "skip" to treat such
            labels as missing, and such images as black and unlabelled.

    Raises:
        UserError: the split list is missing, empty or malformed.
    """

    def __init__(
        self,
        root: Path,
        split: str,
        labels: Mapping[str, Label],
        size_hw: tuple[int, int],
        augmentation: Augmentation,
        training: bool = False,
        seed: int = 0,
        layout: FolderLayout = PASCAL_MT,
        pack: Pack | None = None,
        on_bad_sample: OnBadSample = "raise",
    ) -> None:
        self.root, self.split, self.labels, self.size_hw = root, split, labels, size_hw
        self.augmentation, self.training, self.seed = augmentation, training, seed
        self.layout, self.on_bad_sample = layout, on_bad_sample
        self.image_ids = layout.read_split(root, split)
        self.maps = LabelMaps(root, self.image_ids, labels, pack)

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, key: Key) -> Sample:
        """The sample of key (epoch, index); the epoch only seeds the augmentation.

        Raises:
            BadFile: a file can't be read and `on_bad_sample` is "raise".
        """
        epoch, index = key
        problems: list[str] = []
        path = self.layout.image_path(self.root, self.image_ids[index])
        image = self._try(lambda: open_image(path), problems)
        source_hw = self.size_hw if image is None else image.size_hw
        stored = {task: self._read_map(task, index, problems) for task in self.labels}
        fitted = {
            name: self.labels[name].resize_to(array, source_hw)
            for name, array in stored.items()
            if array is not None
        }
        rng = np.random.default_rng((self.seed, epoch, index)) if self.training else None
        warp = self._warp(rng, source_hw, fitted)
        image_HWC = self._try(lambda: warp.apply_to_encoded(image), problems) if image else None
        if image_HWC is None:
            image_HWC = np.zeros((*self.size_hw, 3), np.uint8)
            fitted = {}
        if rng is None:
            known = {name: self.labels[name].to_target(array) for name, array in fitted.items()}
        else:
            image_HWC = self.augmentation.recolour(rng, image_HWC)
            known = {name: self.labels[name].warp(array, warp) for name, array in fitted.items()}
        maps = known | self._ignored_maps(known, source_hw if rng is None else self.size_hw)
        return Sample(
            self.image_ids[index],
            _to_tensor(image_HWC),
            {name: _to_tensor(maps[name]) for name in self.labels},
            fit_box(source_hw, self.size_hw, self.augmentation.fit),
            tuple(problems),
            index,
        )

    def coverage(self) -> dict[str, int]:
        """How many images of the split have a label file, by task.

        Raises:
            BadFile: a label path is not a file and `on_bad_sample` is "raise".
        """
        return {
            name: sum(self._is_labelled(label, image_id) for image_id in self.image_ids)
            for name, label in self.labels.items()
        }

    def fingerprint(self) -> str:
        """A short hash of the image ids and their file sizes.

        Raises:
            BadFile: an image is missing and `on_bad_sample` is "raise".
        """
        digest = hashlib.sha256()
        for image_id in self.image_ids:
            digest.update(f"{image_id} {self._image_bytes(image_id)}\n".encode())
        return digest.hexdigest()[:16]

    def _is_labelled(self, label: Label, image_id: str) -> bool:
        return self._try(lambda: label.find(self.root, image_id), []) is not None

    def _image_bytes(self, image_id: str) -> int:
        """Size of an image file; -1 if it is missing and `on_bad_sample` is "skip"."""
        path = self.layout.image_path(self.root, image_id)
        if self._try(lambda: is_there(path), []):
            return path.stat().st_size
        if self.on_bad_sample == "raise":
            raise BadFile(f"{path} is missing, but {self.split}.txt lists it; restore the file.")
        return -1

    def _warp(
        self, rng: np.random.Generator | None, source_hw: tuple[int, int], maps: dict[str, Array]
    ) -> Warp:
        if rng is None:
            return self.augmentation.plain(source_hw, self.size_hw)
        return self.augmentation.draw(rng, source_hw, self.size_hw, maps)

    def _read_map(self, task: str, index: int, problems: list[str]) -> Array | None:
        return self._try(lambda: self.maps.read(task, index, not self.training), problems)

    def _ignored_maps(self, labelled: Container[str], size_hw: tuple[int, int]) -> dict[str, Array]:
        """All-ignored maps of the tasks for which the image has no label."""
        return {
            name: label.ignored_target(size_hw)
            for name, label in self.labels.items()
            if name not in labelled
        }

    def _try(self, read: Callable[[], Read | None], problems: list[str]) -> Read | None:
        try:
            return read()
        except BadFile as error:
            if self.on_bad_sample == "raise":
                raise
            problems.append(str(error))
            return None


def _to_tensor(pixels: NDArray[np.generic]) -> Tensor:
    """A map as a writable tensor, (H, W) or (C, H, W)."""
    channels_first = pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return torch.from_numpy(np.require(channels_first, requirements=["C", "W"]))
