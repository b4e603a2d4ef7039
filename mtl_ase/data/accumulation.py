"""Batches whose gradients make one step together, and what they have labelled together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch.utils.data import DataLoader

from mtl_ase.data.sample import Batch, Sample, Window
from mtl_ase.data.sample_order import SampleOrder


def limited_batches(batches: int, limit: float) -> int:
    """Batches of an epoch as Lightning limits them: a whole number of them, or a share."""
    return min(batches, limit) if isinstance(limit, int) else int(batches * limit)


class AccumulationLoader(DataLoader[Sample]):
    """Looks ahead, so that every batch knows what its whole accumulation window has labelled.

    A window is the batches whose gradients are added before a step: `accumulate` of them, or what
    is left of the epoch. A window is read as a whole before its first batch is handed out; with
    every batch handed out, one of the next window is read, so that the loader processes keep busy.
    Main memory holds `accumulate` batches more than without looking ahead.

    Args:
        dataset: samples by key.
        order: of the keys; an epoch that is resumed begins where it stood.
        accumulate: batches of a window.
        limit: Lightning's limit_train_batches.
        options: of DataLoader.
    """

    def __init__(
        self, dataset: Any, order: SampleOrder, accumulate: int, limit: float, **options: Any
    ) -> None:
        super().__init__(dataset, sampler=order, **options)
        self.order, self.accumulate, self.limit = order, accumulate, limit

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # Lightning asks for no more
        return self._by_window(super().__iter__())  # the loader processes begin to read now

    def window_sizes(self) -> list[int]:
        """Batches of every window that the epoch at hand still has."""
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
    """The batches of a window, each with the counts of all of them."""
    names = batches[0].counts
    counts = {name: torch.stack([batch.counts[name] for batch in batches]).sum(0) for name in names}
    window = Window(len(batches), accumulate)
    return [batch._replace(counts=counts, window=window) for batch in batches]
