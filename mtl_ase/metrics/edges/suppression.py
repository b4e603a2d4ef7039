"""Non-maximum suppression of an edge map, as SEISM applies it before thresholding.

Legend: H W pixels; x runs along rows, y along columns.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from mtl_ase.machine.compiled import compiled

Map = NDArray[np.float32]

BLUR_RADIUS = 4
STEP, BORDER, MARGIN = 1, 5, np.float32(1.01)


def suppress(edge_HW: Map) -> Map:
    """Set non-maximal pixels across the edge to zero, and attenuate values near the border.

    The direction across the edge is that of largest curvature, from the Hessian of the map smoothed
    by a triangle filter of radius 4. A pixel is kept if 1.01 times its value is at least that of
    the points one pixel to either side; values decrease linearly within five pixels of the border.
    Source: SEISM's
    `read_one_cont_png` and the `edgesNms` it calls with r = 1, s = 5, m = 1.01 (Dollar and Zitnick,
    Structured Edge Detection), written anew from their description.
    """
    edge_HW = np.ascontiguousarray(edge_HW, np.float32)
    thinned_HW = _suppress(edge_HW, *_across(edge_HW))
    return thinned_HW * _fall_off(edge_HW.shape[0])[:, None] * _fall_off(edge_HW.shape[1])


def _across(edge_HW: Map) -> tuple[Map, Map]:
    """Cosine and sine of the direction across the edge, from 0 to 180 degrees."""
    rise = np.arange(1, BLUR_RADIUS + 2, dtype=np.float32)
    triangle = np.concatenate([rise, rise[-2::-1]]) / (BLUR_RADIUS + 1) ** 2
    smooth_HW = cv2.sepFilter2D(edge_HW, -1, triangle, triangle, borderType=cv2.BORDER_REFLECT)
    dx_HW, dy_HW = _gradient(smooth_HW)
    dxx_HW, _ = _gradient(dx_HW)
    dxy_HW, dyy_HW = _gradient(dy_HW)
    slope_HW = dyy_HW * np.sign(-dxy_HW) / (dxx_HW + np.float32(1e-5))
    angle_HW = np.mod(np.arctan(slope_HW), np.float32(math.pi))
    return np.cos(angle_HW), np.sin(angle_HW)


def _gradient(map_HW: NDArray[np.generic]) -> tuple[Map, Map]:
    """Derivatives along x and y: central differences, one-sided at the border, 0 if size is 1."""
    dy_HW, dx_HW = (
        np.gradient(map_HW, axis=axis) if map_HW.shape[axis] > 1 else np.zeros_like(map_HW)
        for axis in (0, 1)
    )
    return dx_HW.astype(np.float32), dy_HW.astype(np.float32)


def _fall_off(size: int) -> Map:
    """Attenuation along an axis: a linear ramp from 0 at both ends to 1 within `BORDER` pixels."""
    border = min(BORDER, size // 2)
    factor = np.ones(size, np.float32)
    for distance in range(border):
        factor[distance] *= distance / border
        factor[size - 1 - distance] *= distance / border
    return factor


@compiled
def _suppress(edge_HW: Map, cosine_HW: Map, sine_HW: Map) -> Map:
    height, width = edge_HW.shape
    kept_HW = np.zeros_like(edge_HW)
    for y in range(height):
        for x in range(width):
            value = edge_HW[y, x]
            if value == 0:
                continue
            strongest = np.float32(0)
            for side in (-STEP, STEP):
                beside = _between(edge_HW, y + side * sine_HW[y, x], x + side * cosine_HW[y, x])
                strongest = max(strongest, beside)
            if MARGIN * value >= strongest:
                kept_HW[y, x] = value
    return kept_HW


@compiled
def _between(edge_HW: Map, y: float, x: float) -> np.float32:
    """Bilinear interpolation with replicated border."""
    height, width = edge_HW.shape
    y, x = min(max(y, 0.0), height - 1.001), min(max(x, 0.0), width - 1.001)
    y, x = max(y, 0.0), max(x, 0.0)  # maps of one row or column
    top, left = int(y), int(x)
    below, right = min(top + 1, height - 1), min(left + 1, width - 1)
    dy, dx = y - top, x - left
    upper = (1 - dx) * edge_HW[top, left] + dx * edge_HW[top, right]
    lower = (1 - dx) * edge_HW[below, left] + dx * edge_HW[below, right]
    return np.float32((1 - dy) * upper + dy * lower)
