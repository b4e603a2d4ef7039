"""Named colours (RGB in [0, 1]), and random colours near them."""

from __future__ import annotations

import numpy as np

from mtl_ase.scenes.pieces import Vector

COLOURS: dict[str, Vector] = {
    "black": (0.06, 0.06, 0.07),
    "grey": (0.5, 0.5, 0.5),
    "silver": (0.72, 0.74, 0.77),
    "white": (0.92, 0.92, 0.9),
    "red": (0.75, 0.12, 0.1),
    "orange": (0.9, 0.5, 0.12),
    "yellow": (0.9, 0.8, 0.2),
    "green": (0.2, 0.5, 0.2),
    "leaf": (0.3, 0.5, 0.15),
    "teal": (0.12, 0.5, 0.5),
    "blue": (0.15, 0.28, 0.7),
    "navy": (0.1, 0.13, 0.32),
    "purple": (0.45, 0.2, 0.55),
    "pink": (0.88, 0.55, 0.6),
    "brown": (0.4, 0.25, 0.13),
    "tan": (0.72, 0.55, 0.36),
    "cream": (0.9, 0.84, 0.68),
    "glass": (0.2, 0.27, 0.33),
    "brick": (0.62, 0.3, 0.22),
    "sand": (0.82, 0.72, 0.5),
    "grass": (0.35, 0.52, 0.2),
    "asphalt": (0.3, 0.3, 0.32),
    "water": (0.2, 0.38, 0.48),
    "snow": (0.93, 0.95, 0.98),
    "skin": (0.87, 0.65, 0.52),
    "dark skin": (0.38, 0.24, 0.17),
}

RANDOM_COLOUR_CHANCE = 0.12
"""Share of fully random colours, so that colour alone does not tell the kinds apart."""


def tint(rng: np.random.Generator, names: str, spread: float = 0.06) -> Vector:
    """`near`, or with probability `RANDOM_COLOUR_CHANCE` a uniformly random colour."""
    if rng.random() < RANDOM_COLOUR_CHANCE:
        red, green, blue = rng.random(3)
        return float(red), float(green), float(blue)
    return near(rng, names, spread)


def near(rng: np.random.Generator, names: str, spread: float = 0.06) -> Vector:
    """A random colour near a named one.

    Args:
        rng: source of randomness.
        names: comma-separated keys of `COLOURS`, of which one is drawn.
        spread: standard deviation of the change of brightness and hue.
    """
    choices = names.split(",")
    base = COLOURS[choices[int(rng.integers(len(choices)))]]
    light, *shift = (spread * rng.standard_normal(4)).tolist()
    red, green, blue = (
        min(max(c * (1 + 2 * light) + 0.5 * s, 0.02), 0.98)
        for c, s in zip(base, shift, strict=True)
    )
    return red, green, blue
