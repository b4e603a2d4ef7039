"""Class ids as an output. Legend: C channels, H W pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.data.labels.files import read_png_ids
from mtl_ase.tasks.output import Array, Output, Picture, mixed


def _voc_palette() -> Picture:
    """The colour map of PASCAL VOC: the bits of an id in the high bits of red, green and blue."""
    ids = np.arange(256)
    rgb = np.zeros((256, 3), int)
    for bit in range(8):
        for channel in range(3):
            rgb[:, channel] |= ((ids >> (3 * bit + channel)) & 1) << (7 - bit)
    return rgb.astype(np.uint8)


VOC_PALETTE = _voc_palette()


class ClassMap(Output):
    """The most likely class of every pixel: int64 ids (H, W) from 0 on; 0 is the background.

    In VOC's colours; labels that are ignored (255) are VOC's cream white. In files ids are the
    indices of a palette PNG.
    """

    png_is_exact: ClassVar[bool] = True

    def activate(self, logits_CHW: Tensor) -> Tensor:
        """The index of the largest logit, (H, W)."""
        return logits_CHW.argmax(0)

    def resize(self, prediction: Tensor, size_hw: Sequence[int]) -> Tensor:
        """Resize like cv2.INTER_NEAREST: target pixel x takes floor(x / factor), in float64."""
        rows_H, columns_W = (
            (torch.arange(new, dtype=torch.float64) * (1 / (new / old))).long().clamp(max=old - 1)
            for new, old in zip(size_hw, prediction.shape, strict=True)
        )
        device = prediction.device
        return prediction[rows_H[:, None].to(device), columns_W.to(device)]

    def colours(self, map_: Array) -> Picture:
        """Each class in its colour."""
        return VOC_PALETTE[map_.astype(np.uint8)]

    def overlay(self, image_HWC: Picture, prediction: Array) -> Picture:
        """Each class but the background in its colour."""
        return mixed(image_HWC, self.colours(prediction), 0.6 * (prediction != 0))

    def png(self, prediction: Array) -> Image.Image:
        """A palette image whose indices are the ids."""
        image = Image.fromarray(prediction.astype(np.uint8))
        image.putpalette(VOC_PALETTE.flatten().tolist())
        return image

    def read_png(self, path: Path) -> Array:
        """Ids of a grey or palette PNG as they are, int64 (H, W)."""
        return read_png_ids(path).astype(np.int64)

    def check(self, name: str, path: Path, pixels: Array) -> None:
        """Ids are whole numbers from 0 on."""
        super().check(name, path, pixels)
        if pixels.dtype.kind == "f" or pixels.min() < 0:
            raise UserError(f"{path} holds no class ids; write whole numbers from 0 on.")
