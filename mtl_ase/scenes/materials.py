"""Random paints of grounds, walls, and windows, doors, pictures and curtains."""

from __future__ import annotations

import numpy as np

from mtl_ase.scenes.colours import near
from mtl_ase.scenes.pieces import Paint, Texture

_MATERIALS = {
    "grass": ("grass,leaf", "green", Texture.GRAIN, 4.0),
    "ground": ("tan,brown", "brown", Texture.GRAIN, 2.0),
    "road": ("asphalt", "grey", Texture.GRAIN, 9.0),
    "sidewalk": ("grey,silver", "asphalt", Texture.BRICKS, 1.5),
    "sand": ("sand", "tan", Texture.GRAIN, 3.0),
    "snow": ("snow", "silver", Texture.GRAIN, 0.7),
    "water": ("water,teal,blue", "navy,silver", Texture.GRAIN, 1.6),
    "floor": ("tan,brown,cream,grey", "brown,white", Texture.PLANKS, 3.0),
    "rug": ("red,navy,cream,purple", "cream,orange", Texture.CHECKS, 1.7),
    "platform": ("silver,cream,grey", "grey", Texture.CHECKS, 1.0),
    "track": ("brown,grey", "black", Texture.STRIPES_X, 1.6),
    "wall": ("cream,white,teal,pink,tan,silver", "white,cream", Texture.PLAIN, 1.5),
    "building": ("brick,cream,grey,tan", "asphalt,white", Texture.BRICKS, 1.2),
    "window": ("glass,water", "white", Texture.GRID, 1.3),
    "door": ("brown,green,red,white", "brown", Texture.PLANKS, 2.0),
    "picture": ("cream,blue,green", "red,orange,black", Texture.PATCHES, 2.5),
    "curtain": ("red,cream,green,purple", "white,tan", Texture.STRIPES_Y, 4.0),
}
_TILED = ("floor", "wall")


def material(name: str, rng: np.random.Generator) -> Paint:
    """A paint for a ground or wall material; floors and walls are sometimes tiled or striped."""
    colour, second, texture, frequency = _MATERIALS[name]
    if name in _TILED and rng.random() < 0.5:
        texture = Texture.CHECKS if name == "floor" else Texture.STRIPES_Y
    return Paint(near(rng, colour), near(rng, second), texture, frequency * rng.uniform(0.7, 1.4))
