"""Reading prediction files of other frameworks.

Legend: C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.data.labels.files import read_png, read_png_ids
from mtl_ase.tasks import Task, class_ids, probability

Array = NDArray[Any]


class PredictionFiles:
    """Reads `FOLDER/{task}/{image id}.png` or `.npy`, in the label's size.

    PNG: class ids as they are (grey or palette); probabilities as bytes, p = byte / 255; vectors as
    bytes of three channels, n = 2 byte / 255 - 1. NPY: class ids as integers (H, W), probabilities
    (H, W), vectors (H, W, 3); other numbers as they are.

    Args:
        folder: folder with a subfolder for each task.
        tasks: tasks to read, by name.

    Raises:
        UserError: a task has no folder.
    """

    def __init__(self, folder: Path, tasks: Mapping[str, Task]) -> None:
        self.folder, self.tasks = folder, tasks
        for name in tasks:
            if not (folder / name).is_dir():
                raise UserError(f"predictions={folder} holds no folder {name}; leave the task out.")

    def read(self, name: str, image_id: str, size_hw: tuple[int, int]) -> Tensor:
        """The prediction of a task for an image, in the form its metrics take.

        Args:
            name: name of the task.
            image_id: id of the image.
            size_hw: (H, W) of the label.

        Raises:
            UserError: the file is missing or unreadable, its size differs from the label's, or its
                values are invalid for the task.
        """
        path = self.folder / name / f"{image_id}.png"
        if path.is_file():
            pixels = self._from_png(name, path)
        else:
            path = path.with_suffix(".npy")
            pixels = self._from_npy(path)
        if pixels.shape[:2] != size_hw:
            raise UserError(
                f"{path} is {pixels.shape[1]} x {pixels.shape[0]}, but its label is {size_hw[1]} x "
                f"{size_hw[0]}; write predictions in the size of the original image."
            )
        self._check_values(name, path, pixels)
        channels_first = pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        return torch.from_numpy(np.ascontiguousarray(channels_first))

    def _check_values(self, name: str, path: Path, pixels: Array) -> None:
        task = self.tasks[name]
        shape = (*pixels.shape[:2], 3) if task.channels == 3 else pixels.shape[:2]
        if pixels.shape != shape:
            raise UserError(f"{path} has the shape {pixels.shape}, but {name} needs {shape}.")
        if _is(task.activation, class_ids) and (pixels.dtype.kind == "f" or pixels.min() < 0):
            raise UserError(f"{path} holds no class ids; write whole numbers from 0 on.")
        if _is(task.activation, probability) and not 0 <= pixels.min() <= pixels.max() <= 1:
            raise UserError(
                f"{path} holds numbers from {pixels.min():g} to {pixels.max():g}, which are no "
                "probabilities; write 0 to 1."
            )

    def _from_png(self, name: str, path: Path) -> Array:
        task = self.tasks[name]
        if _is(task.activation, class_ids):
            return read_png_ids(path).astype(np.int64)
        if task.channels == 3:
            return read_png(path, cv2.IMREAD_COLOR_RGB).astype(np.float32) * 2 / 255 - 1
        return read_png(path, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255

    def _from_npy(self, path: Path) -> Array:
        if not path.is_file():
            raise UserError(
                f"{path.with_suffix('.png')} (or .npy) is missing; every image that the split "
                "lists needs a prediction of every task."
            )
        try:
            numbers: Array = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{path} can't be read as a numpy file; write it again.") from error
        if numbers.ndim not in (2, 3) or numbers.dtype.kind not in "fiub":
            raise UserError(f"{path} holds no map of numbers; write it as (H, W) or (H, W, 3).")
        if numbers.dtype.kind == "f":
            if not np.isfinite(numbers).all():
                raise UserError(f"{path} holds numbers that are not finite; write it again.")
            return numbers.astype(np.float32)
        return numbers.astype(np.int64)


def _is(function: Callable[..., Any], known: Callable[..., Any]) -> bool:
    return getattr(function, "func", function) is known
