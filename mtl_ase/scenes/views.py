"""Views of the world: the perspective camera and the orthographic view of the shadow map.

The ray of pixel (u, v) is origin_33 @ (u, v, 1) + t * direction_33 @ (u, v, 1).
World axes: x ahead of the camera, y left, z up. Camera axes: x right, y down, z forward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mtl_ase.scenes.solids import Floats


@dataclass(frozen=True)
class View:
    """The rays of an H x W grid of pixels, and the projection from the world to pixels."""

    height: int
    width: int
    origin_33: Floats
    direction_33: Floats
    projection_34: Floats
    rotation_33: Floats

    def grid(self) -> Floats:
        """Homogeneous pixel coordinates (u, v, 1) of all pixels, 3 x HW, row by row."""
        v_HW, u_HW = np.indices((self.height, self.width), dtype=np.float32)
        return np.stack([u_HW.ravel(), v_HW.ravel(), np.ones(u_HW.size, np.float32)])


@dataclass(frozen=True)
class Camera:
    """A pinhole camera `height` metres above the world's origin; angles in radians.

    It looks along world x: a yaw of the camera is not needed, since the layout is random anyway.
    """

    height: float
    pitch: float
    roll: float
    field_of_view: float


def perspective(camera: Camera, height: int, width: int) -> View:
    """The view of a camera at height x width pixels; t is the depth along the optical axis."""
    focal = 0.5 * max(height, width) / math.tan(camera.field_of_view / 2)
    forward = np.array([math.cos(camera.pitch), 0.0, -math.sin(camera.pitch)])
    level = np.array([0.0, -1.0, 0.0])
    plumb = np.cross(forward, level)
    cos, sin = math.cos(camera.roll), math.sin(camera.roll)
    rotation_33 = np.stack([cos * level + sin * plumb, cos * plumb - sin * level, forward])
    lens_33 = np.array(
        [[focal, 0, width / 2 - 0.5], [0, focal, height / 2 - 0.5], [0, 0, 1]], dtype=np.float64
    )
    position_3 = np.array([0.0, 0.0, camera.height])
    origin_33 = np.zeros((3, 3))
    origin_33[:, 2] = position_3
    outside_34 = np.column_stack([rotation_33, -rotation_33 @ position_3])
    return View(
        height,
        width,
        origin_33.astype(np.float32),
        (rotation_33.T @ np.linalg.inv(lens_33)).astype(np.float32),
        (lens_33 @ outside_34).astype(np.float32),
        rotation_33.astype(np.float32),
    )


def orthographic(to_light_3: Floats, centre_3: Floats, radius: float, pixels: int) -> View:
    """The view along parallel light, for the shadow map; t is the distance from a plane.

    Args:
        to_light_3: unit vector towards the light.
        centre_3: centre of the view in the world; the plane is 100 m from it towards the light.
        radius: half of the side of the square view, metres.
        pixels: side of the square view, pixels.
    """
    light_3 = np.asarray(to_light_3, dtype=np.float64)
    right = np.cross(light_3, [0.0, 0.0, 1.0] if abs(light_3[2]) < 0.99 else [1.0, 0.0, 0.0])
    right /= np.linalg.norm(right)
    down = np.cross(-light_3, right)
    step, middle = 2 * radius / pixels, pixels / 2 - 0.5
    corner = centre_3 + 100 * light_3 - middle * step * (right + down)
    direction_33 = np.zeros((3, 3))
    direction_33[:, 2] = -light_3
    rotation_33 = np.stack([right, down, -light_3])
    projection_34 = np.zeros((3, 4))
    projection_34[:2, :3] = rotation_33[:2] / step
    projection_34[:2, 3] = middle - rotation_33[:2] @ centre_3 / step
    projection_34[2, 3] = 1
    return View(
        pixels,
        pixels,
        np.stack([right * step, down * step, corner], axis=1).astype(np.float32),
        direction_33.astype(np.float32),
        projection_34.astype(np.float32),
        rotation_33.astype(np.float32),
    )
