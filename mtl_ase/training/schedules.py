"""Learning-rate schedules: linear warm-up, then a decay; a factor for every step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from mtl_ase.base.errors import UserError


class Schedule(ABC):
    """Linear warm-up to 1, then a decay to 0 over the remaining steps.

    Args:
        warmup: warm-up steps as a share of all steps, 0 <= warmup < 1.

    Raises:
        UserError: the share is out of range.
    """

    def __init__(self, warmup: float = 0.0) -> None:
        if not 0 <= warmup < 1:
            raise UserError(f"schedule.warmup={warmup} is no share of the steps; choose 0 to <1.")
        self.warmup = warmup

    def __call__(self, step: int, num_steps: int) -> float:
        """The factor on the learning rate at optimiser step `step`, counted from 0."""
        warmup_steps = self.warmup * num_steps
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        progress = (step - warmup_steps) / max(1.0, num_steps - warmup_steps)
        return self.decay(min(1.0, progress))

    @abstractmethod
    def decay(self, progress: float) -> float:
        """The factor after the warm-up, at a progress from 0 (its end) to 1 (last step)."""


class Poly(Schedule):
    """Polynomial decay (1 - progress)^power per step (M3ViT: power 0.9, updated per epoch).

    Args:
        power: exponent of the decay.
        warmup: warm-up steps as a share of all steps.
    """

    def __init__(self, power: float = 0.9, warmup: float = 0.0) -> None:
        super().__init__(warmup)
        self.power = power

    def decay(self, progress: float) -> float:
        """(1 - progress)^power."""
        return float((1 - progress) ** self.power)


class Cosine(Schedule):
    """Cosine decay from 1 to 0 (arXiv 1608.03983, without restarts)."""

    def decay(self, progress: float) -> float:
        """(1 + cos(pi * progress)) / 2."""
        return 0.5 * (1 + math.cos(math.pi * progress))
