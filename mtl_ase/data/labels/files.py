"""Reading label files: PNG maps and MATLAB files, with errors that name the file."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from numpy.typing import NDArray

from mtl_ase.base.errors import BadFile
from mtl_ase.data.image_files import decoded, file_content, open_with_pillow
from mtl_ase.data.whole_files import is_damaged


def read_png_ids(path: Path) -> NDArray[np.uint8]:
    """Read a PNG of class ids as uint8 (H, W); of palette files, the palette index.

    Raises:
        BadFile: the file can't be read as one channel.
    """
    content = file_content(path)
    if is_damaged(content):
        raise BadFile(f"{path} can't be read as a PNG (truncated or damaged); restore the file.")
    with open_with_pillow(path, content, ("PNG",)) as file:
        try:
            ids = np.asarray(file)
        except (OSError, SyntaxError, ValueError) as error:
            raise BadFile(f"{path} can't be read as a PNG ({error}); restore the file.") from error
    if ids.ndim != 2:
        raise BadFile(f"{path} has {ids.shape[2]} channels where ids need one; restore the file.")
    if ids.dtype not in (np.uint8, np.bool_):
        raise BadFile(f"{path} has {ids.dtype} pixels where ids need bytes; restore the file.")
    return ids.astype(np.uint8)


def read_png(path: Path, flags: int) -> NDArray[Any]:
    """Read a PNG with OpenCV's imread flags `flags`.

    Raises:
        BadFile: the file can't be read.
    """
    content = file_content(path)
    open_with_pillow(path, content).close()  # rejects decompression bombs
    if is_damaged(content):
        raise BadFile(f"{path} can't be read as an image; restore the file.")
    return decoded(path, content, flags)


def read_npy(path: Path) -> NDArray[Any]:
    """Read a numeric array that numpy saved.

    Raises:
        BadFile: the file can't be read as a numeric array.
    """
    try:
        numbers = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise BadFile(f"{path} can't be read as a numpy file; restore it.") from error
    if not isinstance(numbers, np.ndarray):  # an .npz archive
        numbers.close()
        raise BadFile(f"{path} holds no map of numbers; restore the file.")
    if numbers.ndim == 3 and numbers.shape[2] == 1:
        numbers = numbers[..., 0]
    return _map_of_numbers(path, numbers)


def read_mat(path: Path, key: str) -> Any:
    """Read one variable of a MATLAB file.

    Raises:
        BadFile: the file can't be read or lacks the variable.
    """
    try:
        variables = scipy.io.loadmat(path, variable_names=[key])
    except NotImplementedError as error:
        raise BadFile(
            f"{path} can't be read as a MATLAB file of version 7 or before (it is of version 7.3, "
            "HDF5); restore it, or save it with the option -v7."
        ) from error
    except Exception as error:  # scipy's parser raises any exception on damaged files
        raise BadFile(f"{path} can't be read as a MATLAB file; restore it.") from error
    if key not in variables:
        raise BadFile(f"{path} lacks the variable {key!r}; restore the file.")
    return variables[key]


@functools.lru_cache(maxsize=2)
def read_label_map(path: Path) -> NDArray[np.uint16]:
    """Read the 459-class LabelMap; the last one is cached, since several labels use it.

    Raises:
        BadFile: the file can't be read, or is no map of ids.
    """
    numbers = _map_of_numbers(path, read_mat(path, "LabelMap"))
    with np.errstate(invalid="ignore"):
        label_map: NDArray[np.uint16] = numbers.astype(np.uint16)
    if not np.array_equal(label_map, numbers):
        raise BadFile(f"{path} holds values that are no ids; restore the file.")
    label_map.flags.writeable = False
    return label_map


def _map_of_numbers(path: Path, content: Any) -> NDArray[Any]:
    is_map = isinstance(content, np.ndarray) and content.ndim == 2 and content.size > 0
    if not is_map or content.dtype.kind not in "fiu":
        raise BadFile(f"{path} holds no map of numbers; restore the file.")
    return content


def label_map_path(root: Path, image_id: str) -> Path:
    """The path of an image's LabelMap."""
    return root / "pascal-context" / "trainval" / f"{image_id}.mat"
