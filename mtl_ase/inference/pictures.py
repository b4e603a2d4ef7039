"""Pictures in the forms that users have them: files, PIL images, arrays, tensors.

Legend: C = 3 channels (red, green, blue), H W pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.data.image_files import EncodedImage, open_image, open_with_pillow
from mtl_ase.tasks import Picture

AnyImage: TypeAlias = str | Path | EncodedImage | Image.Image | NDArray[np.generic] | Tensor
UPRIGHT = 1
"""EXIF's orientation of a picture that need not be turned."""
ORIENTATION = 0x0112


def as_picture(image: AnyImage) -> EncodedImage | Picture:
    """An image as RGB bytes (H, W, 3), turned as its EXIF data say; a file may stay encoded.

    Args:
        image: the path of a file, or its content; a PIL image; an array (H, W, 3) or (H, W), or a
            tensor (3, H, W), of bytes or of floats from 0 to 1.

    Raises:
        BadFile: the file can't be read.
        UserError: shape or values are no image's.
    """
    if isinstance(image, EncodedImage):
        return image
    if isinstance(image, str | Path):
        return _from_file(Path(image).expanduser())
    if isinstance(image, Image.Image):
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    if isinstance(image, Tensor):
        array = image.detach().cpu().numpy()
        if array.ndim != 3 or len(array) != 3:
            raise UserError(f"a tensor of the shape {array.shape} is no image; give (3, H, W).")
        return _as_bytes(array.transpose(1, 2, 0))
    return _from_array(np.asarray(image))


def decoded_picture(image: EncodedImage | Picture) -> Picture:
    """All pixels of an image.

    Raises:
        BadFile: a file can't be decoded.
    """
    return image.pixels() if isinstance(image, EncodedImage) else image


def size_of(image: EncodedImage | Picture) -> tuple[int, int]:
    """Height and width in pixels."""
    return image.size_hw if isinstance(image, EncodedImage) else image.shape[:2]


def _from_file(path: Path) -> EncodedImage | Picture:
    image = open_image(path)
    with open_with_pillow(path, image.content) as header:
        turned = header.getexif().get(ORIENTATION, UPRIGHT) not in (UPRIGHT, 0)
        return np.asarray(ImageOps.exif_transpose(header).convert("RGB")) if turned else image


def _from_array(array: NDArray[np.generic]) -> Picture:
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=-1)
    if array.ndim != 3 or array.shape[-1] != 3:
        raise UserError(f"an array of the shape {array.shape} is no image; give (H, W, 3).")
    return _as_bytes(array)


def _as_bytes(image_HWC: NDArray[np.generic]) -> Picture:
    if 0 in image_HWC.shape:
        raise UserError(f"an image of the shape {image_HWC.shape} has no pixels; leave it out.")
    if image_HWC.dtype == np.uint8:
        return np.ascontiguousarray(image_HWC)
    floats_HWC = image_HWC.astype(np.float32)
    if image_HWC.dtype.kind != "f" or not 0 <= floats_HWC.min() <= floats_HWC.max() <= 1:
        raise UserError(
            f"an image of {image_HWC.dtype} from {floats_HWC.min():g} to {floats_HWC.max():g} can "
            "be read in several ways; give bytes (uint8), or floats from 0 to 1."
        )
    return np.round(floats_HWC * 255).astype(np.uint8)
