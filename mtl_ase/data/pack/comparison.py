"""Comparing a pack with the files it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.progress import track

from mtl_ase.base.errors import BadFile
from mtl_ase.data.labels import Label
from mtl_ase.data.labels.label import Array
from mtl_ase.data.pack.format import SHARD_IMAGES
from mtl_ase.data.pack.maps import decode_map, map_names
from mtl_ase.data.pack.reader import Pack, PackDamaged
from mtl_ase.machine.processes import run_in_processes

Job = tuple[Pack, Path, int, list[str], dict[str, Label]]


def same_as_files(
    pack: Pack, root: Path, image_ids: Sequence[str], labels: Mapping[str, Label], workers: int
) -> bool:
    """Whether a pack's content equals the decoded label files.

    A pack is looked up by its files' names, sizes and times; this also detects files that changed
    without changing these, and damaged packs.

    Args:
        pack: pack of the split.
        root: folder of the data set.
        image_ids: ids of the split's images.
        labels: label reader of each task.
        workers: number of processes.
    """
    jobs: list[Job] = [
        (pack, root, start, list(image_ids[start : start + SHARD_IMAGES]), dict(labels))
        for start in range(0, len(image_ids), SHARD_IMAGES)
    ]
    done = run_in_processes(_is_same, jobs, workers)
    return all(list(track(done, "comparing the pack", total=len(jobs), transient=True)))


def _is_same(job: Job) -> bool:
    pack, root, start, image_ids, labels = job
    try:
        return all(
            _equal(labels, name, root, image_id, pack.read(name, start + offset))
            for offset, image_id in enumerate(image_ids)
            for name in map_names(labels)
        )
    except PackDamaged:
        return False


def _equal(
    labels: Mapping[str, Label], name: str, root: Path, image_id: str, packed: Array | None
) -> bool:
    try:
        decoded = decode_map(labels, name, root, image_id)
    except BadFile:
        decoded = None  # packs store unreadable labels as missing
    if decoded is None or packed is None:
        return decoded is packed
    return np.array_equal(decoded, packed)
