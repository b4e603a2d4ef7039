"""Learning-rate schedules: linear warm-up, then a decay; a factor for every step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from mtl_ase.base.bounds import Weight
from mtl_ase.base.errors import UserError


class Schedule(ABC):
    """Linear warm-up to 1, then a decay to 0 over the remaining steps.

    Args:
        warmup: warm-up steps as a share of all steps, 0 <= warmup < 1.
        stairs: number of equally long stages at which the decay is held constant; None: it changes
            with every step. With one stage per epoch an epoch has the factor of its first step.

    Raises:
        UserError: a value is out of range.
    """

    def __init__(self, warmup: float = 0.0, stairs: int | None = None) -> None:
        if not 0 <= warmup < 1:
            raise UserError(f"schedule.warmup={warmup} is no share of the steps; choose 0 to <1.")
        if stairs is not None and stairs < 1:
            raise UserError(
                f"schedule.stairs={stairs} is no number of stairs; choose 1 or more, or null."
            )
        self.warmup, self.stairs = warmup, stairs

    def __call__(self, step: int, num_steps: int) -> float:
        """The factor on the learning rate at optimiser step `step`, counted from 0."""
        warmup_steps = self.warmup * num_steps
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        progress = (step - warmup_steps) / max(1.0, num_steps - warmup_steps)
        if self.stairs is not None:  # a step on the edge of a stair may be a rounding below it
            progress = math.floor(progress * self.stairs + 1e-6) / self.stairs
        return self.decay(min(1.0, progress))

    @abstractmethod
    def decay(self, progress: float) -> float:
        """The factor after the warm-up, at a progress from 0 (its end) to 1 (last step)."""


class Poly(Schedule):
    """Polynomial decay (1 - progress)^power (M3ViT: power 0.9, updated once per epoch).

    Args:
        power: exponent of the decay.
        warmup: warm-up steps as a share of all steps.
        stairs: number of equally long stages of constant factor; None: it changes with every step.
    """

    def __init__(self, power: Weight = 0.9, warmup: float = 0.0, stairs: int | None = None) -> None:
        super().__init__(warmup, stairs)
        self.power = power

    def decay(self, progress: float) -> float:
        """(1 - progress)^power."""
        return float((1 - progress) ** self.power)


class Cosine(Schedule):
    """Cosine decay from 1 to 0 (arXiv 1608.03983, without restarts)."""

    def decay(self, progress: float) -> float:
        """(1 + cos(pi * progress)) / 2."""
        return 0.5 * (1 + math.cos(math.pi * progress))
