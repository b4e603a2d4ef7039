"""Random light, sky and exposure."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mtl_ase.scenes.pieces import Vector


class Light(NamedTuple):
    """Sun or lamp, the sky, and how the photograph is exposed."""

    to_light: Vector
    direct: float
    ambient: float
    zenith: Vector
    horizon: Vector
    haze: float
    gain: Vector
    gamma: float
    blur: float
    grain: float


def draw_light(rng: np.random.Generator, indoors: bool) -> Light:
    """A random light: lamps hang high, the sun may stand low; days are blue, grey or golden."""
    around = rng.uniform(0, 2 * math.pi)
    height = rng.uniform(0.9, 1.3) if indoors else rng.uniform(0.5, 1.25)
    days = (
        ((0.25, 0.45, 0.85), (0.75, 0.85, 0.95)),
        ((0.55, 0.58, 0.62), (0.8, 0.8, 0.8)),
        ((0.35, 0.4, 0.7), (0.95, 0.75, 0.55)),
    )
    zenith, horizon = days[rng.choice(3, p=(0.5, 0.3, 0.2))]
    direct = rng.uniform(0.35, 0.9)
    red, blue = rng.uniform(0.9, 1.1, 2)
    gain = rng.uniform(0.75, 1.2)
    return Light(
        to_light=(
            math.cos(height) * math.cos(around),
            math.cos(height) * math.sin(around),
            math.sin(height),
        ),
        direct=direct,
        ambient=rng.uniform(0.85, 1.05) - 0.6 * direct,
        zenith=zenith,
        horizon=horizon,
        haze=0.0 if indoors else rng.uniform(0.0, 0.03),
        gain=(gain * red, gain, gain * blue),
        gamma=rng.uniform(1.0, 1.5),
        blur=rng.uniform(0.3, 0.8),
        grain=rng.uniform(0.0, 0.04),
    )
