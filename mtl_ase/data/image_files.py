"""Reading images. Shapes: H W pixels, C = 3 (red, green, blue)."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mtl_ase.base.errors import BadFile
from mtl_ase.data.present import is_there
from mtl_ase.data.whole_files import JPEG_START, is_damaged

LONGEST_SIDE = 32766
"""OpenCV maps images of fewer than 32767 pixels along an axis."""

REDUCED_FLAGS = {
    1: 0,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
"""OpenCV's flags by reduction; `IMREAD_COLOR_RGB` is another bit, so the result is in colour."""


@dataclass(frozen=True)
class EncodedImage:
    """The content of an image file that is not truncated, and the image's size.

    Attributes:
        path: the file, for error messages.
        content: its bytes.
        size_hw: height and width in pixels, from the header.
    """

    path: Path
    content: bytes
    size_hw: tuple[int, int]

    def pixels(self, reduction: int = 1) -> NDArray[np.uint8]:
        """Decode to RGB bytes, (H, W, 3), at full size or at 1/2, 1/4 or 1/8 of it (rounded up).

        A JPEG is decoded to the smaller size directly, from the low frequencies of its DCT blocks:
        faster, and free of aliasing.

        Args:
            reduction: 1, 2, 4 or 8.

        Raises:
            BadFile: the content can't be decoded.
        """
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION | REDUCED_FLAGS[reduction]
        return decoded(self.path, self.content, flags).astype(np.uint8, copy=False)

    @property
    def reductions(self) -> tuple[int, ...]:
        """The reductions that make `pixels` faster: all for a JPEG, only 1 for other formats."""
        return tuple(REDUCED_FLAGS) if self.content.startswith(JPEG_START) else (1,)


def open_image(path: Path) -> EncodedImage:
    """Read an image file and its header.

    Decoders silently fill the missing part of a truncated file with grey; here a JPEG or PNG
    without its end marker is an error.

    Raises:
        BadFile: the file is missing, unreadable, truncated, no image, or larger than OpenCV warps.
    """
    content = file_content(path)
    if is_damaged(content):
        raise BadFile(f"{path} is truncated or damaged; restore the file.")
    with open_with_pillow(path, content) as header:
        width, height = header.size
    if max(width, height) > LONGEST_SIDE:
        raise BadFile(
            f"{path} is {width} x {height}, but no side may be over {LONGEST_SIDE} pixels; leave "
            "it out of the split list."
        )
    return EncodedImage(path, content, (height, width))


def read_image(path: Path) -> NDArray[np.uint8]:
    """Decode an image file to RGB bytes, (H, W, 3).

    Raises:
        BadFile: the file is missing, unreadable, truncated or no image.
    """
    return open_image(path).pixels()


def file_content(path: Path) -> bytes:
    """All bytes of a file.

    Raises:
        BadFile: the file is missing, or can't be read.
    """
    if not is_there(path):
        raise BadFile(f"{path} is missing; restore the file.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadFile(f"{path} can't be read ({error.strerror}); check its rights.") from error


def open_with_pillow(
    path: Path, content: bytes, formats: tuple[str, ...] | None = None
) -> Image.Image:
    """A file's content as a Pillow image whose pixels are not decoded yet.

    Raises:
        BadFile: it is in none of the formats, or has more pixels than Pillow takes for safe.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(content), formats=formats)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        most = Image.MAX_IMAGE_PIXELS
        raise BadFile(f"{path} has more than {most} pixels; restore the file.") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise BadFile(f"{path} can't be read as an image; restore the file.") from error


def decoded(path: Path, content: bytes, flags: int) -> NDArray[Any]:
    """A file's pixels as OpenCV decodes them under `flags`.

    Raises:
        BadFile: they can't be decoded.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:  # nothing to decode, or a header that claims too much
        pixels = None
    if pixels is None:
        raise BadFile(f"{path} can't be read as an image; restore the file.")
    return pixels
