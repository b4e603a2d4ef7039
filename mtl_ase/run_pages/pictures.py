"""Pictures inside the page: WebP files as data URIs, no wider than a screen shows them."""

from __future__ import annotations

import base64
import io

import cv2
import numpy as np
from PIL import Image

from mtl_ase.tasks import Picture

WIDEST = 360
QUALITY = 82


def data_uri(picture: Picture, flat: bool) -> str:
    """A picture as a data URI.

    Args:
        picture: (H, W, 3) bytes.
        flat: of flat colours, as class maps are, which are kept exactly; else like a photograph.
    """
    file = io.BytesIO()
    options = {"lossless": True} if flat else {"quality": QUALITY}
    Image.fromarray(picture).save(file, "WEBP", method=4, **options)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def fitted(picture: Picture, size_hw: tuple[int, int], flat: bool) -> Picture:
    """A picture at another size; flat colours are not mixed."""
    height, width = size_hw
    if picture.shape[:2] == size_hw:
        return picture
    smooth = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_LINEAR
    way = cv2.INTER_NEAREST_EXACT if flat else smooth
    return np.asarray(cv2.resize(picture, (width, height), interpolation=way), np.uint8)


def shown_size(height: int, width: int) -> tuple[int, int]:
    """Height and width in the page: at most 360 pixels wide."""
    shown = min(width, WIDEST)
    return max(1, round(height * shown / width)), shown
