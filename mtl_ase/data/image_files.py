"""Reading images. Shapes: H W pixels, C = 3 (red, green, blue)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mtl_ase.base.errors import BadFile

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
PNG_START, PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"
TAIL_BYTES = 4096
"""The end marker is searched in these last bytes: some cameras append data to it."""

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
        image_HWC = cv2.imdecode(np.frombuffer(self.content, np.uint8), flags)
        if image_HWC is None:
            raise BadFile(f"{self.path} can't be read as an image; restore the file.")
        return image_HWC.astype(np.uint8, copy=False)

    @property
    def reductions(self) -> tuple[int, ...]:
        """The reductions that make `pixels` faster: all for a JPEG, only 1 for other formats."""
        return tuple(REDUCED_FLAGS) if self.content.startswith(JPEG_START) else (1,)


def open_image(path: Path) -> EncodedImage:
    """Read an image file and its header.

    Decoders silently fill the missing part of a truncated file with grey; here a JPEG or PNG
    without its end marker is an error.

    Raises:
        BadFile: the file is missing, unreadable, truncated or no image.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadFile(f"{path} is missing; restore the file.") from None
    except OSError as error:
        raise BadFile(f"{path} can't be read ({error.strerror}); check its permissions.") from error
    if is_truncated(content):
        raise BadFile(f"{path} is truncated; restore the file.")
    try:
        with Image.open(io.BytesIO(content)) as header:
            width, height = header.size
    except (OSError, SyntaxError, ValueError) as error:
        raise BadFile(f"{path} can't be read as an image; restore the file.") from error
    return EncodedImage(path, content, (height, width))


def read_image(path: Path) -> NDArray[np.uint8]:
    """Decode an image file to RGB bytes, (H, W, 3).

    Raises:
        BadFile: the file is missing, unreadable, truncated or no image.
    """
    return open_image(path).pixels()


def is_truncated(content: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end marker; other formats are not checked."""
    for start, end in ((JPEG_START, JPEG_END), (PNG_START, PNG_END)):
        if content.startswith(start):
            return content.rfind(end, max(0, len(content) - TAIL_BYTES)) < 0
    return False
