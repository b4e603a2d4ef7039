"""Learning-rate schedules: warm-up, then decay; a factor for every step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from mtl_ase.base.bounds import Weight
from mtl_ase.base.errors import UserError


class Schedule(ABC):
    """Linear warm-up to 1, then a decay to 0 over the remaining steps.

    Args:
        warmup: share of all steps spent warming up, 0 to below 1.

    Raises:
        UserError: the share is out of range.
    """

    def __init__(self, warmup: float = 0.0) -> None:
        if not 0 <= warmup < 1:
            raise UserError(f"schedule.warmup={warmup} is no share of the steps; choose 0 to <1.")
        self.warmup = warmup

    def __call__(self, step: int, num_steps: int) -> float:
        """The factor on the learning rate at a step, counted from 0."""
        warmup_steps = self.warmup * num_steps
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        progress = (step - warmup_steps) / max(1.0, num_steps - warmup_steps)
        return self.decay(min(1.0, progress))

    @abstractmethod
    def decay(self, progress: float) -> float:
        """The factor at a progress of 0 to 1 after the warm-up."""


class Poly(Schedule):
    """(1 - progress)^power, per step (M3ViT: power 0.9, there per epoch).

    Args:
        power: exponent of the decay.
        warmup: share of all steps spent warming up.
    """

    def __init__(self, power: Weight = 0.9, warmup: float = 0.0) -> None:
        super().__init__(warmup)
        self.power = power

    def decay(self, progress: float) -> float:
        """Polynomial decay."""
        return float((1 - progress) ** self.power)


class Cosine(Schedule):
    """Half a cosine from 1 to 0 (arXiv 1608.03983, without restarts)."""

    def decay(self, progress: float) -> float:
        """Cosine decay."""
        return 0.5 * (1 + math.cos(math.pi * progress))
