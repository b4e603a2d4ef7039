"""What the lineage's loader does to a training sample, one OpenCV call after another.

Written from the recorded facts about Multi-Task-Learning-PyTorch and M3ViT (docs/data.md), not from
their code: mirror; rotation and zoom about (W / 2, H / 2) at the source's size, with zeros from
outside; resize to the input, whatever the aspect; image and normals cubic, all others nearest;
normals turned after the rotation and scaled to unit length after the resize; pixels without a
normal, and part maps without a part, ignored; the image cast to bytes, which wraps around.

Legend: H W pixels, C channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image

Array = np.ndarray[Any, Any]


class Draw(NamedTuple):
    """What is random: a mirror, an angle in degrees, a zoom. None leaves rotation and zoom out."""

    mirror: bool
    angle: float | None
    zoom: float = 1.0


def pillow_pixels(path: Path) -> Array:
    """RGB as float32, (H, W, C)."""
    return np.asarray(Image.open(path).convert("RGB")).astype(np.float32)


def moved(source: Array, draw: Draw, size_hw: tuple[int, int], flags: int) -> Array:
    """A float map after mirror, rotation with zoom, and resize."""
    pixels = _turned(cv2.flip(source, 1) if draw.mirror else source, draw, flags)
    return cv2.resize(pixels, size_hw[::-1], interpolation=flags)


def lineage_image(pixels: Array, draw: Draw, size_hw: tuple[int, int]) -> Array:
    """The image as bytes; what cubic interpolation overshoots wraps around."""
    return moved(pixels, draw, size_hw, cv2.INTER_CUBIC).astype(np.int64).astype(np.uint8)


def lineage_classes(ids: Array, draw: Draw, size_hw: tuple[int, int]) -> Array:
    """A map of ids."""
    return moved(ids.astype(np.float32), draw, size_hw, cv2.INTER_NEAREST).astype(np.uint8)


def lineage_parts(ids: Array, draw: Draw, size_hw: tuple[int, int]) -> Array:
    """A map of parts; without any part it is ignored."""
    parts = lineage_classes(ids, draw, size_hw)
    return parts if parts.any() else np.full_like(parts, 255)


def lineage_normals(vectors: Array, draw: Draw, size_hw: tuple[int, int]) -> Array:
    """Unit vectors, zero where they are ignored."""
    vectors = vectors.astype(np.float32)
    if draw.mirror:
        vectors = cv2.flip(vectors, 1) * np.float32([-1, 1, 1])
    vectors = _turned(vectors, draw, cv2.INTER_CUBIC)
    if draw.angle is not None:
        radius = np.hypot(vectors[..., 0], vectors[..., 1])
        direction = np.arctan2(vectors[..., 0], vectors[..., 1]) + np.radians(draw.angle)
        vectors[..., 0], vectors[..., 1] = np.sin(direction) * radius, np.cos(direction) * radius
    vectors = cv2.resize(vectors, size_hw[::-1], interpolation=cv2.INTER_CUBIC)
    length = np.linalg.norm(vectors, axis=2, keepdims=True)
    return np.where(length > 0, vectors / (length + 1e-12), 0)


def _turned(pixels: Array, draw: Draw, flags: int) -> Array:
    if draw.angle is None:
        return pixels
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), draw.angle, draw.zoom)
    return cv2.warpAffine(pixels, matrix, (width, height), flags=flags)
