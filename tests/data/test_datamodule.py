"""The loaders: the same samples whatever the workers, fair shares, wrong use in one sentence."""

from __future__ import annotations

import multiprocessing
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.data import Augmentation, Batch, DataModule
from mtl_ase.machine import cores
from tests.conftest import NUM_TRAIN, NUM_VAL
from tests.data.layout import LABELS

HINT = "get it from somewhere, or work offline with setting=scenes."


def module(root: Path | None, **changes: Any) -> DataModule:
    arguments: dict[str, Any] = {
        "name": "small",
        "root": None if root is None else str(root),
        "labels": LABELS,
        "image_size": [48, 48],
        "batch_size": 5,
        "augmentation": Augmentation(0.5, 20, (0.75, 1.25)),
        "num_workers": 0,
        "seed": 3,
        "hint": HINT,
    }
    return DataModule(**{**arguments, **changes})


def on_rank(data: DataModule, rank: int, world: int) -> DataModule:
    device = SimpleNamespace(root_device=torch.device("cpu"))
    data.trainer = SimpleNamespace(  # type: ignore[assignment]
        global_rank=rank, world_size=world, strategy=device, accumulate_grad_batches=1
    )
    return data


def training_batches(data: DataModule, epoch: int) -> list[Batch]:
    loader = data.train_dataloader()
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return list(loader)


def equal(first: Batch, second: Batch) -> bool:
    return (
        first.image_ids == second.image_ids
        and torch.equal(first.image_BCHW, second.image_BCHW)
        and all(torch.equal(first.labels[name], second.labels[name]) for name in first.labels)
    )


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # forks though threads run
@pytest.mark.filterwarnings("ignore:This DataLoader will create 4 worker:UserWarning")
def test_batches_do_not_depend_on_the_workers(scenes_root: Path) -> None:
    for epoch in (0, 2):
        expected = training_batches(module(scenes_root), epoch)
        for workers in (1, 2, 4):
            found = training_batches(module(scenes_root, num_workers=workers), epoch)
            assert len(found) == len(expected)
            assert all(equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # forks though threads run
def test_a_worker_keeps_little_memory_of_its_own(scenes_root: Path) -> None:
    data = module(scenes_root, num_workers=2, image_size=[224, 224], batch_size=8)
    batches = iter(data.train_dataloader())
    next(batches)
    workers = multiprocessing.active_children()
    assert len(workers) == 2
    for worker in workers:
        text = Path(f"/proc/{worker.pid}/smaps_rollup").read_text()
        assert sum(int(kb) for kb in re.findall(r"Private_\w+: +(\d+) kB", text)) < 150_000
    list(batches)


def test_epochs_have_other_batches_and_repeat_exactly(scenes_root: Path) -> None:
    first, second = (training_batches(module(scenes_root), epoch)[0] for epoch in (0, 1))
    assert not equal(first, second)
    assert equal(training_batches(module(scenes_root), 1)[0], second)


def test_a_small_rest_is_dropped_in_training_only(scenes_root: Path) -> None:
    data = module(scenes_root)
    sizes = [len(batch.image_ids) for batch in training_batches(data, 0)]
    assert sizes == [5] * (NUM_TRAIN // 5)
    seen = [image_id for batch in data.val_dataloader() for image_id in batch.image_ids]
    assert seen == data.dataset("val", training=False).image_ids
    assert len(seen) == NUM_VAL


def test_one_batch_is_trained_on_even_if_it_is_not_full(scenes_root: Path) -> None:
    for batch_size in (NUM_TRAIN, NUM_TRAIN + 10):
        batches = training_batches(module(scenes_root, batch_size=batch_size), 0)
        assert [len(batch.image_ids) for batch in batches] == [NUM_TRAIN]


def test_types_of_batches(scenes_root: Path) -> None:
    data = module(scenes_root, tasks=["edge", "normals"])
    batch = next(iter(data.train_dataloader()))
    assert list(batch.labels) == ["edge", "normals"]
    assert batch.labels["edge"].shape == (5, 48, 48)
    assert batch.labels["normals"].shape == (5, 3, 48, 48)
    scored = next(iter(data.val_dataloader()))
    assert scored.image_BCHW.shape == (5, 3, 48, 48)
    assert [label.shape for label in scored.labels["normals"]] == [(3, 64, 64)] * 5


@pytest.mark.parametrize("world", [2, 3])
def test_processes_get_disjoint_shares(scenes_root: Path, world: int) -> None:
    train, val = [], []
    for rank in range(world):
        data = on_rank(module(scenes_root, batch_size=1, tasks=["saliency"]), rank, world)
        train.append([batch.image_ids[0] for batch in training_batches(data, 1)])
        val.append([batch.image_ids[0] for batch in data.val_dataloader()])
    assert {len(share) for share in train} == {NUM_TRAIN // world}
    assert len({image_id for share in train for image_id in share}) == NUM_TRAIN
    assert len({image_id for share in val for image_id in share}) == NUM_VAL
    assert sum(map(len, val)) == NUM_VAL


def test_coverage_and_fingerprint(scenes_root: Path) -> None:
    data = module(scenes_root, tasks=["semseg"])
    assert data.coverage() == {
        "train": {"images": NUM_TRAIN, "semseg": NUM_TRAIN},
        "val": {"images": NUM_VAL, "semseg": NUM_VAL},
    }
    assert set(data.fingerprint()) == {"train", "val"}
    assert data.fingerprint() == module(scenes_root).fingerprint()


def test_label_files_are_looked_for_once(
    scenes_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = module(scenes_root, tasks=["semseg"])
    first = data.coverage()
    looked = []
    monkeypatch.setattr(LABELS["semseg"], "find", lambda *_: looked.append(1))
    assert data.coverage() == first
    assert looked == []


def test_splits_can_be_named(scenes_root: Path) -> None:
    data = module(scenes_root, train_split="val", val_split="train", tasks=["edge"])
    assert len(data.dataset("train", training=True)) == NUM_VAL


@pytest.mark.parametrize("root", [None, "missing", "empty"])
def test_a_missing_folder_says_how_to_get_the_data(tmp_path: Path, root: str | None) -> None:
    (tmp_path / "empty").mkdir()
    path = None if root is None else tmp_path / root
    data = module(path)
    for call in (data.prepare_data, data.coverage, data.train_dataloader):
        with pytest.raises(UserError) as caught:
            call()
        sentence = str(caught.value)
        assert f"data.root={path}" in sentence
        assert "small" in sentence
        assert sentence.endswith(HINT)


def test_a_generator_makes_the_folder(tmp_path: Path, scenes_root: Path) -> None:
    asked = []

    class Maker:
        def prepare(self, root: Path | None) -> Path:
            asked.append(root)
            return scenes_root

    data = module(None, generator=Maker())
    data.prepare_data()
    assert data.root == scenes_root
    assert asked == [None]


def test_a_task_without_labels_is_refused(scenes_root: Path) -> None:
    with pytest.raises(UserError, match=r"'depth', but the data set small has labels for semseg"):
        module(scenes_root, tasks=["semseg", "depth"])


def test_an_empty_batch_is_refused(scenes_root: Path) -> None:
    with pytest.raises(UserError, match=r"data\.batch_size=0"):
        module(scenes_root, batch_size=0)


def test_workers_are_chosen_from_the_cores(
    scenes_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 1 <= module(scenes_root, num_workers=None).num_workers <= 8
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert cores.usable_cores() == 6
    assert module(scenes_root, num_workers=None).num_workers == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert module(scenes_root, num_workers=None).num_workers == 1
