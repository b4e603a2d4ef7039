"""The choice of a random crop window. Shapes: H W pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mtl_ase.base.bounds import Positive, Share
from mtl_ase.data.labels.label import IGNORE
from mtl_ase.data.warp import Warp

CLASS_STRIDE = 8
"""Classes are counted on every eighth output pixel along each axis."""


class RandomCrop:
    """Draws random crop windows until none of the classes dominates the window.

    Source: ATRC's RandomCrop (from mmsegmentation). Our deviation: classes are counted on every
    eighth output pixel.

    Args:
        task: task whose label map gives the classes.
        max_class_share: largest share of the most frequent class among the labelled pixels.
        tries: number of windows to draw; the last one is used in any case.
    """

    def __init__(
        self, task: str = "semseg", max_class_share: Share = 0.75, tries: Positive = 10
    ) -> None:
        self.task, self.max_class_share, self.tries = task, max_class_share, tries

    def choose(
        self,
        rng: np.random.Generator,
        warp: Callable[[tuple[float, float]], Warp],
        classes_HW: NDArray[np.uint8] | None,
    ) -> Warp:
        """The warp of a crop window, drawn uniformly among the windows inside the enlarged image.

        Args:
            rng: source of the random shifts.
            warp: makes the warp for a shift (x, y) in output pixels.
            classes_HW: class label map of the source image; None accepts the first window.
        """
        overhang = _overhang(warp((0.0, 0.0)))
        for _ in range(self.tries):
            x, y = (rng.uniform(-1, 1, 2) * overhang).tolist()
            chosen = warp((x, y))
            if classes_HW is None or self._is_varied(chosen.coarser(CLASS_STRIDE), classes_HW):
                break
        return chosen

    def _is_varied(self, warp: Warp, classes_HW: NDArray[np.uint8]) -> bool:
        counts = np.bincount(warp.pick(classes_HW, IGNORE).ravel(), minlength=IGNORE + 1)[:IGNORE]
        varied = np.count_nonzero(counts) > 1
        return bool(varied and counts.max() < self.max_class_share * counts.sum())


def _overhang(warp: Warp) -> NDArray[np.float64]:
    """Half of the excess of the warped image over the output, (width, height), at least 0."""
    source_wh, size_wh = np.array(warp.source_hw[::-1]), np.array(warp.size_hw[::-1])
    warped_wh = np.abs(warp.matrix_23[:, :2]) @ source_wh
    return np.maximum(warped_wh - size_wh, 0) / 2
