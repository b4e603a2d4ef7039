"""TensorBoard logger that takes pictures, as the one of Weights & Biases does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from PIL import Image


class TensorBoardLog(TensorBoardLogger):
    """Lightning's TensorBoardLogger with `log_image`. The arguments are those of Lightning's."""

    @rank_zero_only
    def log_image(self, key: str, images: Sequence[Any], step: int | None = None, **_: Any) -> None:
        """Add pictures to a step.

        Args:
            key: their name in TensorBoard.
            images: paths of image files.
            step: the optimiser step.
        """
        for image in images:
            with Image.open(image) as picture:
                picture_HWC = np.asarray(picture.convert("RGB"))
            self.experiment.add_image(key, picture_HWC, step, dataformats="HWC")
        self.experiment.flush()
