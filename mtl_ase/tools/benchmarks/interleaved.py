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
    ways: Mapping[str, Callable[[Item], object]],
    items: Sequence[Item],
    repeats: int = 1,
    block: int = 1,
) -> dict[str, Timing]:
    """Time all ways on a block of items before the next block comes, each round in another order.

    Args:
        ways: what to do with an item, by name.
        items: what to do it with; the first is done once before, untimed.
        repeats: how often the items are gone through.
        block: items that a way does in a row, with the processor's caches to itself.
    """
    names = list(ways)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        ways[name](items[0])
    blocks = [items[start : start + block] for start in range(0, len(items), block)] * repeats
    for turn, some in enumerate(blocks):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            for item in some:
                start = time.perf_counter()
                ways[name](item)
                seconds[name].append(time.perf_counter() - start)
    return {name: Timing(values) for name, values in seconds.items()}
