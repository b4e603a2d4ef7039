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
"""Where the end marker is looked for: some cameras write a little after it."""


REDUCED = {
    1: 0,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
"""OpenCV's flags by reduction; grey or not is another bit."""


@dataclass(frozen=True)
class EncodedImage:
    """An image file's content, whole to all appearance, and the image's size."""

    path: Path
    content: bytes
    size_hw: tuple[int, int]

    def pixels(self, reduction: int = 1) -> NDArray[np.uint8]:
        """RGB bytes_HWC in full size, or of 1/2, 1/4 or 1/8 of it (rounded up).

        A JPEG is decoded to the smaller size directly, from the low frequencies of its blocks:
        quicker, and free of aliasing.

        Raises:
            BadFile: the content can't be decoded.
        """
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION | REDUCED[reduction]
        image_HWC = cv2.imdecode(np.frombuffer(self.content, np.uint8), flags)
        if image_HWC is None:
            raise BadFile(f"{self.path} can't be read as an image; restore the file.")
        return image_HWC.astype(np.uint8, copy=False)

    @property
    def reductions(self) -> tuple[int, ...]:
        """What `pixels` gains time by."""
        return tuple(REDUCED) if self.content.startswith(JPEG_START) else (1,)


def open_image(path: Path) -> EncodedImage:
    """Read an image file and its header.

    Decoders fill what a truncated file lacks with grey and go on; here the file's end marker must
    be there.

    Raises:
        BadFile: the file is missing, unreadable, truncated or no image.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadFile(f"{path} is missing; restore the file.") from None
    except OSError as error:
        raise BadFile(f"{path} can't be read ({error.strerror}); check its rights.") from error
    if is_cut_off(content):
        raise BadFile(f"{path} is truncated; restore the file.")
    try:
        with Image.open(io.BytesIO(content)) as header:
            width, height = header.size
    except (OSError, SyntaxError, ValueError) as error:
        raise BadFile(f"{path} can't be read as an image; restore the file.") from error
    return EncodedImage(path, content, (height, width))


def read_image(path: Path) -> NDArray[np.uint8]:
    """An image as RGB bytes_HWC.

    Raises:
        BadFile: the file is missing, unreadable, truncated or no image.
    """
    return open_image(path).pixels()


def is_cut_off(content: bytes) -> bool:
    """Whether a JPEG or PNG file lacks its end."""
    for start, end in ((JPEG_START, JPEG_END), (PNG_START, PNG_END)):
        if content.startswith(start):
            return content.rfind(end, max(0, len(content) - TAIL_BYTES)) < 0
    return False
