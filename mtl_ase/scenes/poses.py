"""Random poses of an articulated figure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Pose(NamedTuple):
    """Joint angles in radians; pairs are (left, right). At 0 a limb hangs straight down."""

    lean: float
    arm_swing: tuple[float, float]
    arm_lift: tuple[float, float]
    elbow: tuple[float, float]
    leg_swing: tuple[float, float]
    leg_spread: float
    knee: tuple[float, float]


def draw_pose(rng: np.random.Generator) -> Pose:
    """Draw a pose: standing, walking, squatting or waving."""
    manner = rng.choice(4, p=(0.3, 0.4, 0.12, 0.18))
    lift = rng.uniform(0.05, 0.6, 2)
    swing = rng.uniform(-0.6, 0.9, 2)
    elbow = rng.uniform(0.0, 1.6, 2)
    stride = rng.uniform(0.0, 0.25) if manner in (0, 3) else rng.uniform(0.25, 0.75)
    legs, knees = (stride, -stride), (rng.uniform(0, 0.3), rng.uniform(0, 0.8) * stride * 2)
    if manner == 2:
        legs, knees = (rng.uniform(1.0, 1.5), rng.uniform(1.0, 1.5)), (1.6, 1.6)
    if manner == 3:
        lift[0] = rng.uniform(1.6, 2.8)
    order = (0, 1) if rng.random() < 0.5 else (1, 0)
    return Pose(
        lean=rng.uniform(-0.08, 0.25),
        arm_swing=(swing[0], swing[1]),
        arm_lift=(lift[order[0]], lift[order[1]]),
        elbow=(elbow[0], elbow[1]),
        leg_swing=(legs[order[0]], legs[order[1]]),
        leg_spread=rng.uniform(0.02, 0.2),
        knee=(knees[order[0]], knees[order[1]]),
    )
