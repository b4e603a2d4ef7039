"""Numbers as the pages print them."""

from __future__ import annotations

import math
from collections.abc import Sequence

UNKNOWN = "-"
SMALL = 0.5
"""Values below it, such as cross-entropies, are printed with four decimals."""


def digits(value: float | None, like: float | None = None) -> str:
    """Two decimals, as papers print; four for small values; "-" for what is not known.

    Args:
        value: the number.
        like: a number whose size decides on the decimals, e.g. the score of a bound.
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    size = abs(value if like is None else like)
    return f"{value:.{4 if 0 < size < SMALL else 2}f}"


def signed(value: float | None, like: float | None = None) -> str:
    """The same, with its sign."""
    text = digits(value, like)
    return text if value is None or text == UNKNOWN or text.startswith("-") else f"+{text}"


def thousands(value: int | None) -> str:
    """A whole number with commas."""
    return UNKNOWN if value is None else f"{value:,}"


def millions(count: int | None) -> str:
    """A count of parameters, e.g. "5.31 M"."""
    return UNKNOWN if not count else f"{count / 1e6:.2f} M"


def duration(seconds: float | None) -> str:
    """In words, e.g. "12 min", "3 h 20 min"."""
    if seconds is None or seconds < 0:
        return UNKNOWN
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers within an interval, multiples of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def spread_out(count: int, most: int) -> Sequence[int]:
    """At most so many of the numbers from 0 to count - 1, evenly, with the first and the last."""
    if count <= most:
        return range(count)
    return sorted({round(place * (count - 1) / (most - 1)) for place in range(most)})
