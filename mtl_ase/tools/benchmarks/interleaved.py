"""Timing several functions alternately, so that load from other processes slows all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Timing:
    """Seconds of one function's calls."""

    seconds: list[float]

    @property
    def mean_ms(self) -> float:
        """Mean milliseconds per call."""
        return 1000 * statistics.fmean(self.seconds)

    @property
    def median_s(self) -> float:
        """Median seconds per call."""
        return statistics.median(self.seconds)

    def over(self, other: Timing) -> float:
        """Median ratio of its calls to the other function's of the same round.

        What slows the machine for longer than a round then slows both.
        """
        return statistics.median(self.ratios(other))

    def ratios(self, other: Timing) -> list[float]:
        """Ratios of its calls to the other function's of the same round."""
        return [own / others for own, others in zip(self.seconds, other.seconds, strict=True)]


def interleave(
    functions: Mapping[str, Callable[[Item], object]],
    items: Sequence[Item],
    repeats: int = 1,
    block: int = 1,
) -> dict[str, Timing]:
    """Time every function on a block of items, then on the next block in another order, and so on.

    Args:
        functions: the functions to compare, by name.
        items: their arguments; every function is called with the first one before timing starts.
        repeats: number of passes over the items.
        block: consecutive calls of one function, so that it has the CPU caches to itself.

    Returns:
        The timing of every function, by name.
    """
    names = list(functions)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        functions[name](items[0])
    blocks = [items[start : start + block] for start in range(0, len(items), block)] * repeats
    for turn, some in enumerate(blocks):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            for item in some:
                start = time.perf_counter()
                functions[name](item)
                seconds[name].append(time.perf_counter() - start)
    return {name: Timing(values) for name, values in seconds.items()}
