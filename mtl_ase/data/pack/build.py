"""Building a pack shard by shard in parallel; a killed build resumes, concurrent builds share."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.progress import track

from mtl_ase.base.atomic_files import write_atomically, write_json
from mtl_ase.base.errors import BadFile, UserError
from mtl_ase.data.labels import Label
from mtl_ase.data.labels.label import Array
from mtl_ase.data.pack.format import (
    MANIFEST,
    SHARD_IMAGES,
    has_all_frames,
    read_index,
    shard_bytes,
    shard_name,
)
from mtl_ase.data.pack.in_use import held_new
from mtl_ase.data.pack.maps import decode_map, map_names
from mtl_ase.data.pack.reader import Pack, named
from mtl_ase.machine.processes import run_in_processes

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

Job = tuple[Path, Path, int, list[str], dict[str, Label]]


def build_pack(
    folder: Path,
    root: Path,
    image_ids: Sequence[str],
    labels: Mapping[str, Label],
    workers: int,
    skip_bad: bool = False,
) -> Pack:
    """Decode all labels of a split into a pack.

    Shards are written atomically, so an existing shard is complete: after a kill only the missing
    ones are built, and two processes that build the same pack share the work. The manifest is
    written last.

    Args:
        folder: folder of the pack; its name contains the fingerprint of the sources.
        root: folder of the data set.
        image_ids: ids of the split's images.
        labels: the labels to decode, by task.
        workers: number of processes.
        skip_bad: treat unreadable labels as missing and list them in the manifest.

    Returns:
        The finished pack.

    Raises:
        UserError: a label can't be read, or the pack can't be written.
    """
    try:
        with held_new(folder):
            _remove_foreign(folder)
            bad = _build_shards(folder, root, image_ids, labels, workers)
            if bad and not skip_bad:
                raise BadFile(
                    f"{_listed(bad)} Or leave such labels out with data.on_bad_sample=skip."
                )
            return _finish(folder, image_ids, labels, sorted(bad))
    except OSError as error:
        if error.errno in DISK_FULL:
            raise UserError(
                f"{folder}: no space is left to pack labels; free some, or set MTL_ASE_CACHE to "
                "another disk, and run the same command again: finished parts are kept."
            ) from error
        raise UserError(
            f"{folder}: labels can't be packed there ({error.strerror}); give the folder write "
            "permission or train with data.pack=never."
        ) from error


def _remove_foreign(folder: Path) -> None:
    """Remove the shards of a pack that was copied or renamed to this place."""
    manifest = folder / MANIFEST
    if not manifest.is_file() or named(manifest) == folder.name:
        return
    manifest.unlink(missing_ok=True)
    for path in folder.glob("shard-*"):
        path.unlink(missing_ok=True)


def _build_shards(
    folder: Path, root: Path, image_ids: Sequence[str], labels: Mapping[str, Label], workers: int
) -> list[str]:
    """Write all shards; returns an error message per unreadable label."""
    jobs: list[Job] = [
        (folder, root, number, list(image_ids[start : start + SHARD_IMAGES]), dict(labels))
        for number, start in enumerate(range(0, len(image_ids), SHARD_IMAGES))
    ]
    done = track(
        run_in_processes(_build_shard, _rotated(jobs), workers),
        total=len(jobs),
        description=f"packing {folder.name.partition('-')[0]}",
        transient=True,
    )
    return [problem for problems in done for problem in problems]


def _rotated(jobs: list[Job]) -> list[Job]:
    """Start at another shard in every process, so that concurrent builds share the shards."""
    start = os.getpid() % len(jobs)
    return jobs[start:] + jobs[:start]


def _listed(bad: list[str]) -> str:
    more = f" And {len(bad) - 1} more labels can't be read." if len(bad) > 1 else ""
    return bad[0] + more


def _build_shard(job: Job) -> list[str]:
    """Write one shard unless it exists; returns an error message per unreadable label."""
    folder, root, number, image_ids, labels = job
    path, errors_path = folder / shard_name(number), folder / f"{shard_name(number)}.bad.json"
    if _is_complete(path, len(image_ids)):
        if not errors_path.is_file():
            return []
        return list(json.loads(errors_path.read_text(encoding="utf-8")))
    bad: dict[str, None] = {}
    content = shard_bytes(_decoded(root, image_ids, labels, bad))
    if bad:
        write_atomically(errors_path, json.dumps(list(bad)).encode())
    write_atomically(path, content)
    return list(bad)


def _decoded(
    root: Path, image_ids: list[str], labels: dict[str, Label], bad: dict[str, None]
) -> Iterator[list[Array | None]]:
    """The maps of every image; an unreadable one is None, and its error message a key of `bad`."""
    for image_id in image_ids:
        maps_K: list[Array | None] = []
        for name in map_names(labels):
            try:
                maps_K.append(decode_map(labels, name, root, image_id))
            except BadFile as error:
                maps_K.append(None)
                bad[str(error)] = None
        yield maps_K


def _is_complete(path: Path, count: int) -> bool:
    try:
        shard = memoryview(path.read_bytes())
        index_NK = read_index(shard)
        return len(index_NK) == count and has_all_frames(shard, index_NK)
    except (OSError, ValueError):
        return False


def _finish(
    folder: Path, image_ids: Sequence[str], labels: Mapping[str, Label], bad: list[str]
) -> Pack:
    count = -(-len(image_ids) // SHARD_IMAGES)
    manifest = {
        "pack": folder.name,
        "images": len(image_ids),
        "maps": map_names(labels),
        "skipped": bad,
        "shards": {
            shard_name(number): (folder / shard_name(number)).stat().st_size
            for number in range(count)
        },
    }
    write_json(folder / MANIFEST, manifest)
    return Pack(folder, manifest)
