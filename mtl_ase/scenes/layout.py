"""The random plan of a scene: objects, their positions, ground, camera and light.

A main kind is drawn first, then one of its typical settings, then people in about three scenes of
five, other kinds (two fifths drawn among those typical for the setting), and background objects.
The distance of each follows from a drawn apparent size, so that no kind is always tiny.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mtl_ase.scenes.backdrops import draw_backdrop
from mtl_ase.scenes.clutter import CLUTTER
from mtl_ase.scenes.ground import Zone
from mtl_ase.scenes.kinds import KINDS
from mtl_ase.scenes.lights import Light, draw_light
from mtl_ase.scenes.pieces import Model, extent
from mtl_ase.scenes.settings import INDOORS, SETTINGS, draw_zones
from mtl_ase.scenes.solids import Thing
from mtl_ase.scenes.views import Camera

PEOPLE_CHANCE = 0.63
TRIES = 20
"""Positions that are tried before an object is left out."""
MIN_VISIBLE_SHARE = 0.78
FACING = ("tvmonitor", "sofa", "sign", "shelves", "cabinet")
"""Objects whose front roughly faces the camera; all others have a uniformly random yaw."""
NAMES = tuple(kind for kind in KINDS if kind != "person")


@dataclass(frozen=True)
class Plan:
    """Everything that an image of a scene depends on, except the sensor noise."""

    things: list[Thing]
    zones: list[Zone]
    camera: Camera
    light: Light


def draw_plan(rng: np.random.Generator, aspect: float) -> Plan:
    """Draw a random plan; `aspect` is the width / height of the image."""
    main = _kind(rng, NAMES)
    usual = KINDS[main].settings
    where = usual[rng.integers(len(usual))] if rng.random() < 0.85 else _any(rng, tuple(SETTINGS))
    setting = SETTINGS[where]
    camera = Camera(
        height=rng.uniform(0.9, 2.3),
        pitch=math.radians(rng.uniform(5, 22)),
        roll=math.radians(rng.normal(0, 2)),
        field_of_view=math.radians(rng.uniform(45, 65)),
    )
    things = draw_backdrop(rng, setting)
    wall = next((t.position[0] for t in things if t.name in ("wall", "building")), 30.0)
    placer = _Placer(rng, camera, aspect, wall)
    placer.put(main, KINDS[main].make(rng), rng.uniform(0.45, 0.85), KINDS[main].flight_chance)
    for name in _other_kinds(rng, where):
        smallest = 0.4 if name == "person" else 0.25
        size = math.exp(rng.uniform(math.log(smallest), math.log(0.85)))
        placer.put(name, KINDS[name].make(rng), size, KINDS[name].flight_chance)
    for _ in range(int(rng.integers(0, 4))):
        name = _any(rng, setting.clutter)
        placer.put(name, CLUTTER[name](rng), rng.uniform(0.15, 0.4), 0.0)
    light = draw_light(rng, where == INDOORS)
    return Plan(things + placer.things, draw_zones(rng, setting), camera, light)


def _kind(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    weights = np.array([KINDS[name].weight for name in names])
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def _any(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    return names[int(rng.integers(len(names)))]


def _other_kinds(rng: np.random.Generator, where: str) -> list[str]:
    """Kinds besides the main one: people first, then kinds typical for the setting, or any."""
    people = int(rng.integers(1, 4)) if rng.random() < PEOPLE_CHANCE else 0
    usual = tuple(name for name in NAMES if where in KINDS[name].settings)
    others = [
        _kind(rng, usual if rng.random() < 0.4 else NAMES) for _ in range(int(rng.integers(3, 8)))
    ]
    return ["person"] * people + others


class _Placer:
    """Places models on the ground, inside the image and apart from each other.

    Args:
        rng: source of randomness.
        camera: the camera.
        aspect: width / height of the image.
        wall: distance of the wall behind all objects, metres.

    Attributes:
        things: the placed things.
    """

    def __init__(
        self, rng: np.random.Generator, camera: Camera, aspect: float, wall: float
    ) -> None:
        self.things: list[Thing] = []
        self._circles: list[tuple[float, float, float]] = []
        self._rng, self._camera, self._wall = rng, camera, wall
        self._focal = 0.5 / math.tan(camera.field_of_view / 2)  # in units of the longer side
        self._half = (0.5 * min(1.0, aspect), 0.5 * min(1.0, 1 / aspect))

    def put(self, name: str, model: Model, size: float, flight_chance: float) -> None:
        """Place a model at random, or leave it out if no tried position is free and visible.

        Args:
            name: PASCAL-Context name.
            model: the model.
            size: approximate size in the image, as a share of its longer side.
            flight_chance: probability of a position in the air.
        """
        rng = self._rng
        scale = rng.uniform(0.85, 1.15)
        radius, height = (scale * x for x in extent(model))
        for _ in range(TRIES):
            reach = max(height, 1.3 * radius)
            x = max(self._focal * reach / (size * rng.uniform(0.8, 1.2)), 0.8 + radius)
            y = rng.uniform(-0.85, 0.85) * self._half[0] * x / self._focal
            z = self._altitude(x, height) if rng.random() < flight_chance else 0.0
            free = z > 0 or self._free(x, y, radius)
            if free and self._visible_share(x, y, z, radius, height) >= MIN_VISIBLE_SHARE:
                self._circles.append((x, y, radius))
                turned = 0.7 * rng.normal() if name in FACING else rng.uniform(-math.pi, math.pi)
                yaw = math.atan2(y, x) + math.pi + turned
                self.things.append(Thing(name, model, (x, y, z), yaw, scale))
                return

    def _free(self, x: float, y: float, radius: float) -> bool:
        apart = all(math.hypot(x - a, y - b) > 0.7 * (radius + r) for a, b, r in self._circles)
        return apart and x + radius < self._wall - 0.2 * abs(y)

    def _altitude(self, x: float, height: float) -> float:
        """A random altitude at which a thing appears in the upper half of the image."""
        up = math.atan(self._rng.uniform(0.0, 0.7) * self._half[1] / self._focal)
        return max(self._camera.height + x * math.tan(up - self._camera.pitch) - height / 2, 0.3)

    def _visible_share(self, x: float, y: float, z: float, radius: float, height: float) -> float:
        """Share of the projected bounding rectangle of a thing that lies inside the image."""
        u, wide = -self._focal * y / x, 0.8 * self._focal * radius / x
        low, high = (
            self._focal * math.tan(math.atan2(h - self._camera.height, x) + self._camera.pitch)
            for h in (z, z + height)
        )
        across = min(u + wide, self._half[0]) - max(u - wide, -self._half[0])
        upwards = min(high, self._half[1]) - max(low, -self._half[1])
        return max(across, 0) * max(upwards, 0) / max(2 * wide * (high - low), 1e-6)
