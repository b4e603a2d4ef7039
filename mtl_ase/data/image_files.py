"""Reading images. Shapes: H W pixels, C = 3 (red, green, blue)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mtl_ase.errors import BadFile

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
PNG_START, PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"
TAIL_BYTES = 4096
"""Where the end marker is looked for: some cameras write a little after it."""


def read_image(path: Path) -> NDArray[np.uint8]:
    """An image as RGB bytes_HWC.

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
    image_HWC = None
    if content:
        encoded = np.frombuffer(content, np.uint8)
        image_HWC = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if image_HWC is None:
        raise BadFile(f"{path} can't be read as an image; restore the file.")
    return image_HWC.astype(np.uint8, copy=False)


def is_cut_off(content: bytes) -> bool:
    """Whether a JPEG or PNG file lacks its end."""
    for start, end in ((JPEG_START, JPEG_END), (PNG_START, PNG_END)):
        if content.startswith(start):
            return content.rfind(end, max(0, len(content) - TAIL_BYTES)) < 0
    return False
