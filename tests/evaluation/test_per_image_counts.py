"""Counts of single images; run as a script, this file is one of two processes that share them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mtl_ase.evaluation import PerImageCounts


def noted(images: str) -> PerImageCounts:
    record = PerImageCounts()
    for image_id in images:
        record.add("semseg/miou", image_id, torch.tensor([ord(image_id), 1]))
        if image_id in "bd":
            record.add("edge/odsf", image_id, torch.tensor([7]))
    return record


def check(record: PerImageCounts) -> None:
    assert record.image_ids == list("abcde")
    table = record.table("semseg/miou", record.image_ids)
    assert table.tolist() == [[ord(image_id), 1] for image_id in "abcde"]
    assert record.table("edge/odsf", record.image_ids).tolist() == [[0], [7], [0], [7], [0]]


def test_images_are_sorted_and_those_without_counts_are_zero() -> None:
    record = noted("edcba")
    record.gather()
    check(record)


def test_an_image_that_comes_twice_is_one() -> None:
    check(noted("abcdeab"))


@pytest.mark.slow
def test_processes_exchange_what_they_noted(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen([sys.executable, __file__, str(tmp_path), rank], env=environment)
        for rank in "01"
    ]
    try:
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()


if __name__ == "__main__":
    folder, rank = Path(sys.argv[1]), int(sys.argv[2])
    torch.distributed.init_process_group(
        "gloo", init_method=(folder / "store").as_uri(), rank=rank, world_size=2
    )
    shared = noted(("ace", "bdc")[rank])
    shared.gather()
    check(shared)
    torch.distributed.destroy_process_group()
