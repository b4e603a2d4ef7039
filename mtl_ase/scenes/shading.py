"""Shading: a parallel light with shadows, ambient light, haze, sky, exposure.

Legend: N = HW pixels, 3 x y z or red green blue.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mtl_ase.scenes.casting import cast_rays
from mtl_ase.scenes.lights import Light
from mtl_ase.scenes.pieces import Vector
from mtl_ase.scenes.solids import Floats, Solids
from mtl_ase.scenes.surfaces import Surfaces
from mtl_ase.scenes.textures import noise
from mtl_ase.scenes.views import View, orthographic

SHADOW_PIXELS = 160
"""Side of the shadow map in pixels."""
SHADOW_BIAS = 0.04
"""Metres that an occluder must be nearer to the light than the surface."""


def irradiance(light: Light, surfaces: Surfaces, shadow_N: Floats) -> Floats:
    """Irradiance: diffuse light outside shadows, plus ambient light that is stronger from above."""
    to_light_3 = np.array(light.to_light, np.float32)
    diffuse_N = np.maximum(to_light_3 @ surfaces.normal_3N, 0) * (1 - shadow_N)
    ambient_N = light.ambient * (0.8 + 0.2 * surfaces.normal_3N[2])
    irradiance_N: Floats = light.direct * diffuse_N + ambient_N
    return irradiance_N


def shadow_mask(light: Light, surfaces: Surfaces, solids: Solids, reach: float) -> Floats:
    """1 where another solid is between a surface and the light, else 0, by a shadow map.

    Args:
        light: the light.
        surfaces: the visible surfaces.
        solids: the solids that cast shadows.
        reach: depth in metres up to which the shadow map extends.
    """
    centre_3 = np.array([0.55 * reach, 0.0, 0.5], np.float32)
    to_light_3 = np.array(light.to_light, np.float32)
    view = orthographic(to_light_3, centre_3, 0.75 * reach, SHADOW_PIXELS)
    hits = cast_rays(view, solids)
    projected_3N = view.projection_34[:, :3] @ surfaces.point_3N + view.projection_34[:, 3:]
    u_N, v_N = np.rint(projected_3N[:2]).astype(np.intp)
    inside_N = (u_N >= 0) & (u_N < SHADOW_PIXELS) & (v_N >= 0) & (v_N < SHADOW_PIXELS)
    pixel_N = np.where(inside_N, v_N * SHADOW_PIXELS + u_N, 0)
    depth_N = 100 - to_light_3 @ (surfaces.point_3N - centre_3[:, None])
    dark_N = hits.t_HW[pixel_N] < depth_N - SHADOW_BIAS
    dark_N &= inside_N & (hits.solid_HW[pixel_N] != surfaces.solid_N)
    return dark_N.astype(np.float32)


def sky_colour(light: Light, view: View, grid_3N: Floats) -> Floats:
    """RGB of the sky at pixels `grid_3N`: a gradient from horizon to zenith, with clouds."""
    ray_3N = view.direction_33 @ grid_3N
    ray_3N /= np.sqrt(np.einsum("kn,kn->n", ray_3N, ray_3N))
    height_N = ray_3N[2].clip(0, 1) ** 0.5
    cloud_N = (noise(ray_3N * np.array([[2], [2], [5]], np.float32)) - 0.4).clip(0, 1)
    horizon_31, zenith_31 = _column(light.horizon), _column(light.zenith)
    clear_3N = horizon_31 + height_N * (zenith_31 - horizon_31)
    colour_3N: Floats = clear_3N + cloud_N * (0.95 - clear_3N)
    return colour_3N


def add_haze(light: Light, colour_3N: Floats, depth_N: Floats) -> Floats:
    """Blend colours into the horizon's colour with increasing depth (metres)."""
    clear_N = np.exp(-light.haze * depth_N)
    faded_3N: Floats = _column(light.horizon) * (1 - clear_N) + colour_3N * clear_N
    return faded_3N


def expose(
    light: Light, colour_3N: Floats, view: View, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Apply exposure, white balance, gamma, blur and sensor noise; bytes, (H, W, 3)."""
    exposed_3N = (colour_3N * _column(light.gain)).clip(0, 1) ** np.float32(1 / light.gamma)
    sharp_HW3 = np.ascontiguousarray(exposed_3N.T).reshape(view.height, view.width, 3)
    image_HW3 = np.asarray(cv2.GaussianBlur(sharp_HW3, (3, 3), light.blur), np.float32)
    image_HW3 += light.grain * rng.standard_normal(image_HW3.shape, dtype=np.float32)
    return (255 * image_HW3.clip(0, 1) + 0.5).astype(np.uint8)


def _column(vector: Vector) -> Floats:
    return np.array(vector, np.float32)[:, None]
