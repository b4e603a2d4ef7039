"""Looking ahead over accumulation windows: which batches they hold, and when these are read."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from mtl_ase.data import Sample, SampleOrder, collate_training
from mtl_ase.data.accumulation import AccumulationLoader, limited_batches
from mtl_ase.data.warp import fit_box

NUM, BATCH = 23, 2  # eleven batches, and a rest that is dropped


class Numbers(Dataset[Sample]):
    """Samples whose label is their number; it notes what is read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        self.read.append(key[1])
        box = fit_box((1, 1), (1, 1), "contain")
        image, label = torch.zeros(3, 1, 1, dtype=torch.uint8), torch.full((1, 1), key[1])
        return Sample(str(key[1]), image, {"number": label}, box)


def options(workers: int = 0) -> dict[str, Any]:
    counts = {"number": lambda label: label.sum()[None]}
    return {
        "batch_size": BATCH,
        "num_workers": workers,
        "persistent_workers": workers > 0,
        "drop_last": True,
        "collate_fn": partial(collate_training, counts=counts),
    }


def made(
    accumulate: int = 4, limit: float = 1.0, start: tuple[int, int] = (0, 0), workers: int = 0
) -> AccumulationLoader:
    order = SampleOrder(NUM, 3, True, start=(start[0], start[1] * BATCH))
    return AccumulationLoader(Numbers(), order, accumulate, limit, **options(workers))


@pytest.mark.parametrize(
    ("accumulate", "limit", "done", "sizes"),
    [
        (4, 1.0, 0, [4, 4, 3]),
        (3, 9, 0, [3, 3, 3]),
        (4, 9, 0, [4, 4, 1]),
        (4, 0.5, 0, [4, 1]),
        (4, 100, 0, [4, 4, 3]),
        (20, 1.0, 0, [11]),
        (4, 1.0, 4, [4, 3]),
        (4, 9, 8, [1]),
        (4, 1.0, 6, [2, 3]),  # from a checkpoint that a validation left inside a window
        (4, 1.0, 10, [1]),
    ],
)
def test_every_batch_has_the_counts_of_its_window(accumulate, limit, done, sizes):
    epochs = [2, 3]
    loader = made(accumulate, limit, (2, done))
    assert len(loader) == NUM // BATCH
    for epoch in epochs:
        loader.order.set_epoch(epoch)
        order = SampleOrder(NUM, 3, True, start=(2, done * BATCH))
        order.set_epoch(epoch)
        plain = list(DataLoader(Numbers(), sampler=order, **options()))
        batches = list(loader)
        windows = loader.window_sizes()
        if epoch == 2:
            assert windows == sizes
        assert (
            sum(windows)
            == len(batches)
            == limited_batches(len(loader), limit) - (done if epoch == 2 else 0)
        )
        plain = plain[: len(batches)]
        assert [b.image_ids for b in batches] == [b.image_ids for b in plain]
        for size in windows:
            total = sum(b.counts["number"] for b in plain[:size])
            for batch in batches[:size]:
                assert torch.equal(batch.counts["number"], total)
                assert batch.window == (size, accumulate)
                assert batch.window.correction == accumulate / size
            plain, batches = plain[size:], batches[size:]
        assert not plain


def test_one_batch_is_read_for_each_that_is_handed_out_and_none_beyond_the_limit():
    loader = made(accumulate=3, limit=7)
    read = [len(loader.dataset.read) // BATCH for _ in loader]
    assert read == [3, 4, 5, 6, 7, 7, 7]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # forks though threads run
def test_loader_processes_change_nothing():
    alone, helped = made(), made(workers=2)
    for epoch in range(3):
        for loader in (alone, helped):
            loader.order.set_epoch(epoch)
        for one, other in zip(alone, helped, strict=True):
            assert one.image_ids == other.image_ids
            assert torch.equal(one.counts["number"], other.counts["number"])
