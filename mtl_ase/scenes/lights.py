"""Random light, sky and camera exposure."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mtl_ase.scenes.pieces import Vector


class Light(NamedTuple):
    """Light of the sun or a lamp, colours of the sky, and exposure of the image."""

    to_light: Vector  #: unit vector towards the light, world axes
    direct: float  #: intensity of the parallel light
    ambient: float  #: intensity of the ambient light
    zenith: Vector  #: RGB colour of the sky overhead
    horizon: Vector  #: RGB colour of the sky at the horizon, and of haze
    haze: float  #: extinction per metre
    gain: Vector  #: exposure of red, green and blue
    gamma: float  #: exponent of the tone curve: out = in^(1 / gamma)
    blur: float  #: standard deviation of the lens blur, pixels
    grain: float  #: standard deviation of the sensor noise


def draw_light(rng: np.random.Generator, indoors: bool) -> Light:
    """Draw a light: a lamp high above indoors; else a sun under a blue, grey or golden sky."""
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
