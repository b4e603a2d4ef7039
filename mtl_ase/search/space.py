"""The search space: ranges of numbers and choices, and how the command line writes them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from mtl_ase.base.errors import UserError

FORM = re.compile(r"(log|uniform|int|choice)\((.*)\)", re.DOTALL)
Kind = Literal["log", "uniform", "int"]


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included.

    Attributes:
        kind: "log" (real, log-uniform), "uniform" (real) or "int" (whole numbers).
        low: the smallest number.
        high: the largest number.
    """

    kind: Kind
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.kind}({self.low!r},{self.high!r})"

    @property
    def samples(self) -> list[str]:
        """Values to check before the search, as override text: the smallest number only."""
        return [repr(self.low)]


@dataclass(frozen=True)
class Choice:
    """One of several values.

    Attributes:
        options: the values as override text.
    """

    options: tuple[str, ...]

    def __str__(self) -> str:
        return f"choice({','.join(self.options)})"

    @property
    def samples(self) -> list[str]:
        """Values to check before the search, as override text: all options."""
        return list(self.options)


Dimension = Range | Choice


def read_dimension(key: str, text: str) -> Dimension | None:
    """Parse `log(A,B)`, `uniform(A,B)`, `int(A,B)` or `choice(A,B,...)`; None for other text.

    Args:
        key: config key to name in error messages.
        text: the value on the command line.

    Raises:
        UserError: the range is empty or not of numbers, or there are fewer than two options.
    """
    form = FORM.fullmatch(text.strip())
    if form is None:
        return None
    if form[1] == "choice":
        return _choice(key, text, form[2])
    return _range(key, text, form[1], form[2])  # type: ignore[arg-type]


def sample_overrides(space: Mapping[str, Dimension]) -> list[list[str]]:
    """Overrides of the configs to check before a search, so that every option occurs once.

    The first list has the first sample of every key; each other list changes one key.
    """
    first = {key: dimension.samples[0] for key, dimension in space.items()}
    others = [
        first | {key: value} for key, dimension in space.items() for value in dimension.samples[1:]
    ]
    return [[f"{key}={value}" for key, value in values.items()] for values in [first, *others]]


def _range(key: str, text: str, kind: Kind, inside: str) -> Range:
    try:
        low, high = (int(end) if kind == "int" else float(end) for end in inside.split(","))
    except ValueError:
        number = "whole numbers" if kind == "int" else "numbers"
        raise UserError(f"{key}={text} must name two {number}, as {kind}(LOW,HIGH).") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(f"{key}={text} is no range; LOW must be less than HIGH, both finite.")
    if kind == "log" and low <= 0:
        raise UserError(f"{key}={text} has no logarithm at {low:g}; LOW must be above 0.")
    return Range(kind, low, high)


def _choice(key: str, text: str, inside: str) -> Choice:
    try:
        (override,) = OverridesParser.create().parse_overrides([f"key={inside}"])
    except HydraException:
        raise UserError(f"{key}={text} can't be read; write choice(A,B,...).") from None
    several = override.is_choice_sweep() and tuple(dict.fromkeys(override.sweep_string_iterator()))
    if not several or len(several) < 2:
        raise UserError(f"{key}={text} leaves nothing to choose; name two different values.")
    return Choice(several)
