"""Reading label files: PNG maps and MATLAB files, with errors that name the file."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scipy.io
from numpy.typing import NDArray
from PIL import Image

from mtl_ase.base.errors import BadFile
from mtl_ase.data.image_files import is_cut_off


def read_png_ids(path: Path) -> NDArray[np.uint8]:
    """A PNG whose pixels are ids; palette files give the palette index, not the colour.

    Raises:
        BadFile: the file can't be read as one channel.
    """
    try:
        with Image.open(path) as file:
            ids = np.asarray(file)
    except (OSError, SyntaxError, ValueError) as error:
        raise BadFile(f"{path} can't be read as a PNG ({error}); restore the file.") from error
    if ids.ndim != 2:
        raise BadFile(f"{path} has {ids.shape[2]} channels where ids need one; restore the file.")
    if ids.dtype not in (np.uint8, np.bool_):
        raise BadFile(f"{path} has {ids.dtype} pixels where ids need bytes; restore the file.")
    return ids.astype(np.uint8)


def read_png(path: Path, flags: int) -> NDArray[Any]:
    """A PNG as OpenCV reads it under `flags`.

    Raises:
        BadFile: the file can't be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadFile(f"{path} can't be read ({error.strerror}); check its rights.") from error
    pixels = None
    if content and not is_cut_off(content):
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if pixels is None:
        raise BadFile(f"{path} can't be read as an image; restore the file.")
    return pixels


def read_npy(path: Path) -> NDArray[Any]:
    """A map of numbers that numpy saved.

    Raises:
        BadFile: the file can't be read as a map of numbers.
    """
    try:
        numbers = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadFile(f"{path} can't be read as a numpy file; restore it.") from error
    if numbers.ndim == 3 and numbers.shape[2] == 1:
        numbers = numbers[..., 0]
    if numbers.ndim != 2 or numbers.dtype.kind not in "fiu":
        raise BadFile(f"{path} holds no map of numbers; restore the file.")
    return numbers


def read_mat(path: Path, key: str) -> Any:
    """One variable of a MATLAB file.

    Raises:
        BadFile: the file can't be read or lacks the variable.
    """
    try:
        variables = scipy.io.loadmat(path, variable_names=[key])
    except Exception as error:  # damaged bytes raise whatever scipy's parser stumbles over
        raise BadFile(f"{path} can't be read as a MATLAB file; restore it.") from error
    if key not in variables:
        raise BadFile(f"{path} lacks the variable {key!r}; restore the file.")
    return variables[key]


@functools.lru_cache(maxsize=2)
def read_label_map(path: Path) -> NDArray[np.uint16]:
    """The 459-class LabelMap; kept for the next label kind that asks for the same image.

    Raises:
        BadFile: the file can't be read, or holds no map of numbers.
    """
    content = read_mat(path, "LabelMap")
    if getattr(content, "ndim", 0) != 2 or content.dtype.kind not in "uif":
        raise BadFile(f"{path} holds no map of numbers under 'LabelMap'; restore the file.")
    label_map: NDArray[np.uint16] = content.astype(np.uint16)
    label_map.flags.writeable = False
    return label_map


def label_map_path(root: Path, image_id: str) -> Path:
    """Where the LabelMap of an image lies."""
    return root / "pascal-context" / "trainval" / f"{image_id}.mat"
