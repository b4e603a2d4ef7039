"""The background of a scene: walls with windows and doors, or hills and trees."""

from __future__ import annotations

import math

import numpy as np

from mtl_ase.scenes.clutter import mountain, tree
from mtl_ase.scenes.materials import material
from mtl_ase.scenes.pieces import Model, box
from mtl_ase.scenes.settings import Setting
from mtl_ase.scenes.solids import Thing


def draw_backdrop(rng: np.random.Generator, setting: Setting) -> list[Thing]:
    """Draw the background: one or two walls with windows and doors, or hills and trees."""
    if rng.random() < setting.wall_chance:
        return _walls(rng, setting.wall)
    things = []
    for maker, name, chance, low, high in (
        (mountain, "mountain", 0.5, 30, 45),
        (tree, "tree", 0.6, 13, 25),
    ):
        if rng.random() < chance:
            for _ in range(int(rng.integers(2, 6))):
                x = rng.uniform(low, high)
                place = (x, rng.uniform(-0.6, 0.6) * x, 0.0)
                things.append(Thing(name, maker(rng), place, rng.uniform(0, 6) if low < 30 else 0))
    return things


def _walls(rng: np.random.Generator, name: str) -> list[Thing]:
    indoors = name == "wall"
    away = rng.uniform(5.5, 9) if indoors else rng.uniform(9, 15)
    tall = 9.0 if indoors else rng.uniform(2.5, 7)
    wide = 40.0 if indoors else rng.uniform(5, 14)
    yaw = math.pi + rng.uniform(-0.5, 0.5)
    aside = 0.0 if indoors else rng.uniform(-4, 4)
    paint = material(name, rng)
    slab = Model([box((0, 0, tall / 2), (0.1, wide, tall / 2), 0)], [paint])
    things = [Thing(name, slab, (away, aside, 0.0), yaw)]
    things += _openings(rng, indoors, away, (away, aside, 0.0), yaw)
    if indoors and rng.random() < 0.6:
        side = 1 if yaw > math.pi else -1  # so that the side wall does not block the view
        corner = (1.0, side * rng.uniform(2.0, 3.5), 0.0)
        things.append(Thing(name, slab, corner, yaw - side * math.pi / 2))
    return things


def _openings(
    rng: np.random.Generator,
    indoors: bool,
    away: float,
    place: tuple[float, float, float],
    yaw: float,
) -> list[Thing]:
    """Windows, doors, pictures and curtains side by side on a wall."""
    things = []
    names = ("window", "picture", "door", "curtain") if indoors else ("window", "window", "door")
    y = -0.55 * away
    while y < 0.55 * away:
        name = names[rng.integers(len(names))]
        half, high = rng.uniform(0.35, 0.7), rng.uniform(0.35, 0.6)
        middle = 1.0 if name in ("door", "curtain") else rng.uniform(1.4, 2.2)
        high = 1.0 if name in ("door", "curtain") else high
        panel = Model([box((0.11, y + half, middle), (0.04, half, high), 0)], [material(name, rng)])
        things.append(Thing(name, panel, place, yaw))
        y += 2 * half + rng.uniform(0.4, 3.0)
    return things
