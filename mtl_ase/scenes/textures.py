"""Procedural textures: the weight of a paint's second colour at a point, 0 to 1.

Legend: N points, 3 x y z.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from mtl_ase.scenes.pieces import Paint, Texture
from mtl_ase.scenes.solids import Floats, Ints

_CELLS = 64


def _noise_cube() -> Floats:
    """A cube of smooth periodic noise, uniformly distributed in [0, 1), 8 cells per feature."""
    rough = np.random.default_rng(0).standard_normal((_CELLS,) * 3)
    rank = gaussian_filter(rough, 2.5, mode="wrap").ravel().argsort().argsort()
    cube: Floats = (rank / rank.size).astype(np.float32)
    return cube


_NOISE = _noise_cube()


def noise(point_3N: Floats) -> Floats:
    """Smooth noise in [0, 1) at points, with one feature per unit length."""
    cell_3N = (point_3N * 8).astype(np.int32) & (_CELLS - 1)
    value_N: Floats = _NOISE[(cell_3N[0] * _CELLS + cell_3N[1]) * _CELLS + cell_3N[2]]
    return value_N


def _as_float(mask_N: NDArray[np.bool_]) -> Floats:
    return mask_N.astype(np.float32)


def _plain(at_3N: Floats, unit_3N: Floats) -> Floats:
    return np.zeros_like(at_3N[0])


def _stripes(axis: int) -> Callable[[Floats, Floats], Floats]:
    return lambda at_3N, unit_3N: _as_float(at_3N[axis] % 1 < 0.5)


def _checks(at_3N: Floats, unit_3N: Floats) -> Floats:
    odd_N: Floats = np.floor(at_3N + 1e-3).sum(0) % 2
    return odd_N


def _spots(at_3N: Floats, unit_3N: Floats) -> Floats:
    return _as_float(noise(at_3N) > 0.75)


def _patches(at_3N: Floats, unit_3N: Floats) -> Floats:
    return _as_float(noise(at_3N) > 0.5)


def _grain(at_3N: Floats, unit_3N: Floats) -> Floats:
    return noise(at_3N)


def _windows(at_3N: Floats, unit_3N: Floats) -> Floats:
    """A row of windows in the upper half of a box, on its four sides."""
    along_N = np.where(np.abs(unit_3N[1]) > 0.99, at_3N[0], at_3N[1])
    band_N = (unit_3N[2] > 0.0) & (unit_3N[2] < 0.7)
    return _as_float(band_N & (along_N % 1 < 0.75))


def _grid(at_3N: Floats, unit_3N: Floats) -> Floats:
    return _as_float(((at_3N[0] + at_3N[1]) % 1 < 0.55) & (at_3N[2] % 1 < 0.6))


def _bricks(at_3N: Floats, unit_3N: Floats) -> Floats:
    row_N = 2 * at_3N[2]
    along_N = at_3N[0] + at_3N[1] + 0.5 * (np.floor(row_N) % 2)
    return _as_float((row_N % 1 < 0.2) | (along_N % 1 < 0.12))


def _planks(at_3N: Floats, unit_3N: Floats) -> Floats:
    streak_N = noise(at_3N * np.array([[0.3], [2], [2]], np.float32))
    mix_N: Floats = np.maximum(_as_float(at_3N[1] % 1 < 0.12), np.float32(0.6) * streak_N)
    return mix_N


_PATTERNS = {
    Texture.PLAIN: _plain,
    Texture.STRIPES_X: _stripes(0),
    Texture.STRIPES_Y: _stripes(1),
    Texture.STRIPES_Z: _stripes(2),
    Texture.CHECKS: _checks,
    Texture.SPOTS: _spots,
    Texture.PATCHES: _patches,
    Texture.GRAIN: _grain,
    Texture.WINDOWS: _windows,
    Texture.GRID: _grid,
    Texture.BRICKS: _bricks,
    Texture.PLANKS: _planks,
}


def albedo(paints: list[Paint], paint_N: Ints, local_3N: Floats, unit_3N: Floats) -> Floats:
    """RGB of points on painted surfaces, (3, N), with slight noise in brightness.

    Args:
        paints: the list of all paints.
        paint_N: index of the paint of every point.
        local_3N: points in metres, in the frame of the solid.
        unit_3N: points in the unit frame of the solid.
    """
    table = np.array(
        [(*p.colour, *p.second, p.frequency, p.texture) for p in paints], dtype=np.float32
    )
    chosen = table.T[:, paint_N]
    shift_N = (paint_N * 7.31).astype(np.float32)
    at_3N = local_3N * chosen[6]
    mix_N = np.zeros_like(chosen[6])
    texture_N = chosen[7].astype(np.int8)
    for texture in np.flatnonzero(np.bincount(texture_N)):
        if texture != Texture.PLAIN:
            where_N = np.flatnonzero(texture_N == texture)
            pattern = _PATTERNS[Texture(int(texture))]
            spot_3N = at_3N[:, where_N]
            if texture in (Texture.SPOTS, Texture.PATCHES, Texture.GRAIN):
                spot_3N = spot_3N + shift_N[where_N]
            mix_N[where_N] = pattern(spot_3N, unit_3N[:, where_N])
    uneven_N = 0.88 + 0.24 * noise(local_3N * np.float32(3) + shift_N)
    colour_3N: Floats = (chosen[:3] + mix_N * (chosen[3:6] - chosen[:3])) * uneven_N
    return colour_3N
