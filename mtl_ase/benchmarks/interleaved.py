"""Timing several ways of doing the same work in turns, so that a busy machine slows all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Timing:
    """Seconds of one way, item by item, in the order of the items."""

    seconds: list[float]

    @property
    def median_ms(self) -> float:
        """Of an item."""
        return 1000 * statistics.median(self.seconds)

    @property
    def mean_ms(self) -> float:
        """Of an item."""
        return 1000 * statistics.fmean(self.seconds)


def interleave(
    ways: Mapping[str, Callable[[Item], object]], items: Sequence[Item], repeats: int = 1
) -> dict[str, Timing]:
    """Time all ways on every item before the next item comes, each round in another order.

    Args:
        ways: what to do with an item, by name.
        items: what to do it with; the first is done once before, untimed.
        repeats: how often the items are gone through.
    """
    names = list(ways)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        ways[name](items[0])
    for turn in range(repeats * len(items)):
        item = items[turn % len(items)]
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = time.perf_counter()
            ways[name](item)
            seconds[name].append(time.perf_counter() - start)
    return {name: Timing(values) for name, values in seconds.items()}
