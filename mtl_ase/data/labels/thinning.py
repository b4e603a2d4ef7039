"""Morphological thinning to lines one pixel wide. Shapes: H W pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Neighbour x1 is the one to the east, x2..x8 follow counter-clockwise; neighbour k is bit k - 1.
NEIGHBOUR_BITS = np.array([[8, 4, 2], [16, 0, 1], [32, 64, 128]], np.uint8)


def thin(mask_HW: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Thin a mask until it no longer changes; beyond the border everything is background.

    Each round deletes, at once, all pixels that meet conditions G1, G2, G3, and then all that meet
    G1, G2, G3'. Source: Guo and Hall 1989 as surveyed by Lam, Lee and Suen 1992 (page 879), the
    `bwmorph(mask, "thin", Inf)` of the edge benchmarks.
    """
    pixels_HW = np.array(mask_HW, np.uint8, order="C")
    while _delete(pixels_HW, _FIRST) | _delete(pixels_HW, _SECOND):
        pass
    return pixels_HW.astype(bool)


def _delete(pixels_HW: NDArray[np.uint8], deletable_256: NDArray[np.uint8]) -> bool:
    code_HW = cv2.filter2D(pixels_HW, -1, NEIGHBOUR_BITS, borderType=cv2.BORDER_CONSTANT)
    doomed_HW = cv2.bitwise_and(cv2.LUT(code_HW, deletable_256), pixels_HW)
    cv2.subtract(pixels_HW, doomed_HW, dst=pixels_HW)
    return cv2.countNonZero(doomed_HW) > 0


def _deletable() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """For every code of eight neighbours: is the pixel deleted in the first, the second half?"""
    code_256 = np.arange(256)
    x1, x2, x3, x4, x5, x6, x7, x8 = ((code_256 >> bit & 1).astype(bool) for bit in range(8))
    runs = sum(
        (~side & (corner | next_side)).astype(int)
        for side, corner, next_side in [(x1, x2, x3), (x3, x4, x5), (x5, x6, x7), (x7, x8, x1)]
    )
    pairs_1 = sum((a | b).astype(int) for a, b in [(x1, x2), (x3, x4), (x5, x6), (x7, x8)])
    pairs_2 = sum((a | b).astype(int) for a, b in [(x2, x3), (x4, x5), (x6, x7), (x8, x1)])
    pairs = np.minimum(pairs_1, pairs_2)
    both = (runs == 1) & (pairs >= 2) & (pairs <= 3)  # G1 and G2
    first = both & ~((x2 | x3 | ~x8) & x1)  # G3
    second = both & ~((x6 | x7 | ~x4) & x5)  # G3'
    return first.astype(np.uint8), second.astype(np.uint8)


_FIRST, _SECOND = _deletable()
