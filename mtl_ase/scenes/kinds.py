"""The twenty VOC kinds: how each is modelled, its typical settings, how often it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mtl_ase.scenes import animals, furnishings, vehicles
from mtl_ase.scenes.person import person
from mtl_ase.scenes.pieces import Model


class Kind(NamedTuple):
    """One kind of object.

    Attributes:
        make: makes a random model.
        settings: its typical settings, keys of `SETTINGS`.
        weight: relative frequency, chosen so that all kinds get similar numbers of pixels: some
            fit into an image less often than others, or are thin.
        flight_chance: probability that it is placed in the air.
    """

    make: Callable[[np.random.Generator], Model]
    settings: tuple[str, ...]
    weight: float = 1.0
    flight_chance: float = 0.0


KINDS = {
    "aeroplane": Kind(vehicles.aeroplane, ("meadow", "street", "snow"), 0.7, 0.6),
    "bicycle": Kind(vehicles.bicycle, ("street", "meadow"), 1.3),
    "bird": Kind(animals.bird, ("meadow", "shore", "snow"), 0.55, 0.35),
    "boat": Kind(vehicles.boat, ("shore",), 0.9),
    "bottle": Kind(furnishings.bottle, ("room",), 1.8),
    "bus": Kind(vehicles.bus, ("street",), 0.8),
    "car": Kind(vehicles.car, ("street", "station", "snow"), 0.75),
    "cat": Kind(animals.cat, ("room", "street"), 1.8),
    "chair": Kind(furnishings.chair, ("room",), 1.7),
    "cow": Kind(animals.cow, ("meadow",), 1.2),
    "diningtable": Kind(furnishings.diningtable, ("room",), 1.2),
    "dog": Kind(animals.dog, ("room", "street", "shore"), 1.2),
    "horse": Kind(animals.horse, ("meadow", "snow"), 1.1),
    "motorbike": Kind(vehicles.motorbike, ("street", "station"), 0.9),
    "person": Kind(person, ("street", "shore", "room", "station")),
    "pottedplant": Kind(furnishings.pottedplant, ("room", "street"), 0.7),
    "sheep": Kind(animals.sheep, ("meadow",), 1.2),
    "sofa": Kind(furnishings.sofa, ("room",), 1.2),
    "train": Kind(vehicles.train, ("station",), 1.5),
    "tvmonitor": Kind(furnishings.tvmonitor, ("room",), 0.8),
}
"""Ordered by VOC id, 1 to 20."""
