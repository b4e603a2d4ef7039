"""Gradient accumulation with label counts summed over the window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch.utils.data import DataLoader

from mtl_ase.data.sample import Batch, Sample, Window
from mtl_ase.data.sample_order import SampleOrder


def limited_batches(batches: int, limit: float) -> int:
    """Batches of an epoch under Lightning's limit: an int is a number, a float a fraction."""
    return min(batches, limit) if isinstance(limit, int) else int(batches * limit)


class AccumulationLoader(DataLoader[Sample]):
    """A DataLoader whose batches carry the label counts of their whole accumulation window.

    A window is the batches of one optimiser step: `accumulate` of them, or the rest of the epoch.
    A window is read completely before its first batch is yielded; after each yielded batch, one
    batch of the next window is read, to keep the workers busy. This prefetching costs the main
    memory of `accumulate` batches.

    Args:
        dataset: map-style dataset of samples.
        order: sampler of the keys; in a resumed epoch it starts after the samples already used.
        accumulate: batches per window.
        limit: Lightning's limit_train_batches.
        options: further arguments of DataLoader.
    """

    def __init__(
        self, dataset: Any, order: SampleOrder, accumulate: int, limit: float, **options: Any
    ) -> None:
        super().__init__(dataset, sampler=order, **options)
        self.order, self.accumulate, self.limit = order, accumulate, limit

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # Lightning asks for no more
        return self._by_window(super().__iter__())  # starts the workers now

    def window_sizes(self) -> list[int]:
        """Numbers of batches of the current epoch's remaining windows."""
        batches, sizes = limited_batches(len(self), self.limit), []
        begin = self.order.done // (self.batch_size or 1)
        while begin < batches:
            end = min(batches, begin - begin % self.accumulate + self.accumulate)
            sizes.append(end - begin)
            begin = end
        return sizes

    def _by_window(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        sizes, ahead = self.window_sizes(), list[Batch]()
        batches = islice(batches, sum(sizes))
        for size in sizes:
            window = [*ahead, *islice(batches, size - len(ahead))]
            ahead = []
            for batch in counted_together(window, self.accumulate):
                yield batch
                ahead += islice(batches, 1)


def counted_together(batches: Sequence[Batch], accumulate: int) -> list[Batch]:
    """The batches of a window, each with the counts summed over the window."""
    names = batches[0].counts
    counts = {name: torch.stack([batch.counts[name] for batch in batches]).sum(0) for name in names}
    window = Window(len(batches), accumulate)
    return [batch._replace(counts=counts, window=window) for batch in batches]
