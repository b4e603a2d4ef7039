"""Files of predictions: predict.py's and other frameworks'.

Legend: C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.tasks import Task
from mtl_ase.tasks.output import Array

FileFormat = Literal["exact", "png", "npy"]
"""Which files are written: "exact" takes PNG where it holds a prediction without rounding."""


def write_prediction(
    folder: Path, task: Task, image_id: str, prediction: Tensor, file_format: FileFormat = "exact"
) -> Path:
    """Write FOLDER/{task}/{image id}.png or .npy, which `PredictionFiles` reads.

    Args:
        folder: folder with a subfolder for each task, created if needed.
        task: the predicted task.
        image_id: name of the file without its ending; may have folders.
        prediction: (H, W), or (C, H, W) for vectors, which a file holds as (H, W, C).
        file_format: the format.

    Returns:
        The written file.
    """
    stem = folder / task.name / image_id
    stem.parent.mkdir(parents=True, exist_ok=True)
    array = prediction.cpu().numpy()
    if file_format == "png" or (file_format == "exact" and task.output.png_is_exact):
        path = stem.with_name(f"{stem.name}.png")
        task.output.png(array).save(path)
    else:
        path = stem.with_name(f"{stem.name}.npy")
        np.save(path, array if array.ndim == 2 else array.transpose(1, 2, 0))
    return path


class PredictionFiles:
    """Reads `FOLDER/{task}/{image id}.png` or `.npy`, in the label's size.

    PNG: what the task's `Output` says, class ids as they are (grey or palette); probabilities as
    bytes, p = byte / 255; vectors as bytes of three channels, n = 2 byte / 255 - 1. NPY: class ids
    as integers (H, W), probabilities (H, W), vectors (H, W, 3); other numbers as they are.

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
            pixels = self.tasks[name].output.read_png(path)
        else:
            path = path.with_name(f"{path.stem}.npy")
            pixels = _from_npy(path)
        if pixels.shape[:2] != size_hw:
            raise UserError(
                f"{path} is {pixels.shape[1]} x {pixels.shape[0]}, but its label is {size_hw[1]} x "
                f"{size_hw[0]}; write predictions in the size of the original image."
            )
        self.tasks[name].output.check(name, path, pixels)
        channels_first = pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        return torch.from_numpy(np.ascontiguousarray(channels_first))


def _from_npy(path: Path) -> Array:
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
