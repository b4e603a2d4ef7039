"""Settings of scenes (meadow, street, ...): ground, walls and background objects."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mtl_ase.scenes.ground import Zone
from mtl_ase.scenes.materials import material

INDOORS = "room"


class Setting(NamedTuple):
    """One kind of place; materials and objects have PASCAL-Context names."""

    base: tuple[str, ...]  #: ground materials, of which one is drawn
    overlay: tuple[str, ...]  #: materials of a strip or patch on the ground
    wall: str  #: material of the walls
    wall_chance: float  #: probability of a wall
    clutter: tuple[str, ...]  #: background objects


SETTINGS = {
    "meadow": Setting(
        ("grass", "grass", "ground"), ("road", "ground", "water", "sidewalk"), "building", 0.1,
        ("tree", "rock", "flower", "fence", "bench"),
    ),
    "street": Setting(
        ("road", "sidewalk"), ("sidewalk", "road", "grass"), "building", 0.65,
        ("cone", "sign", "pole", "bench", "barrel", "box", "tree"),
    ),
    "shore": Setting(
        ("water", "sand", "water"), ("sand", "water", "ground"), "building", 0.1,
        ("rock", "barrel", "bucket", "ball", "bench"),
    ),
    "room": Setting(
        ("floor",), ("rug",), "wall", 1.0,
        ("cabinet", "shelves", "light", "box", "ball", "bucket"),
    ),
    "station": Setting(
        ("platform", "ground"), ("track",), "building", 0.5, ("bench", "pole", "sign", "box"),
    ),
    "snow": Setting(
        ("snow",), ("road", "ground"), "building", 0.2, ("tree", "rock", "fence", "sign"),
    ),
}  # fmt: skip


def draw_zones(rng: np.random.Generator, setting: Setting) -> list[Zone]:
    """Draw the ground material and, in most scenes, a strip or patch of another one on it."""
    base = setting.base[rng.integers(len(setting.base))]
    zones = [Zone(base, material(base, rng))]
    name = setting.overlay[rng.integers(len(setting.overlay))]
    if rng.random() < 0.8 and name != base:
        half_width = rng.uniform(1.0, 2.5)
        zones.append(
            Zone(
                name,
                material(name, rng),
                x=rng.uniform(3, 7),
                y=rng.uniform(-1.5, 1.5),
                yaw=rng.uniform(0, math.pi),
                half_length=rng.uniform(1.5, 3) if name == "rug" else math.inf,
                half_width=half_width,
            )
        )
    return zones
