"""Bounds of numbers, as part of an argument's type: checked once, where a config's values are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Bounds:
    """The least and the greatest that a number may be.

    Attributes:
        least: the least.
        most: the greatest; infinity: any finite number.
        above: whether the number must be greater than `least`.
    """

    least: float = -math.inf
    most: float = math.inf
    above: bool = False

    def hold(self, number: float) -> bool:
        """Whether a number lies in them; infinity and NaN never do."""
        inside = math.isfinite(number) and self.least <= number <= self.most
        return inside and not (self.above and number == self.least)

    def __str__(self) -> str:
        if self.above:
            return f"above {self.least:.10g}"
        if self.most == math.inf:
            return f"from {self.least:.10g} on"
        return f"from {self.least:.10g} to {self.most:.10g}"


Positive = Annotated[int, Bounds(1)]
Size = tuple[Positive, Positive]
Count = Annotated[int, Bounds(0)]
Seed = Annotated[int, Bounds(0, 2**32 - 1)]
Share = Annotated[float, Bounds(0, 1)]
Weight = Annotated[float, Bounds(0)]
AboveZero = Annotated[float, Bounds(0, above=True)]
