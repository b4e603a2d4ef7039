"""Folders of packs: DATA/packs, or the cache folder if the data is read-only."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from mtl_ase.base.errors import UserError
from mtl_ase.data.pack.reader import Pack
from mtl_ase.machine.cache import cache_folder

PACKS = "packs"


def pack_folder(root: Path, split: str, source_hash: str) -> Path:
    """The folder in which to build the pack of a split.

    Args:
        root: folder of the data set.
        split: name of the split.
        source_hash: `fingerprint` of the label files and settings.

    Raises:
        UserError: the data set's folder is read-only, and there is no cache folder.
    """
    beside = root / PACKS
    writable = os.access(beside if beside.is_dir() else root, os.W_OK)
    return (beside if writable else _cached(root)) / f"{split}-{source_hash}"


def find_pack(root: Path, split: str, source_hash: str) -> Pack | None:
    """The complete pack of a split for these sources; None if there is none."""
    for pack_root in _pack_roots(root):
        pack = Pack.open(pack_root / f"{split}-{source_hash}")
        if pack is not None:
            return pack
    return None


def stale_packs(root: Path, split: str, source_hash: str) -> list[Path]:
    """Folders of this split's packs that were made from other label files, settings or versions."""
    return [
        folder
        for pack_root in _pack_roots(root)
        for folder in sorted(pack_root.glob(f"{split}-" + "[0-9a-f]" * len(source_hash)))
        if folder.name != f"{split}-{source_hash}"
    ]


def _pack_roots(root: Path) -> list[Path]:
    """Where packs may lie; without a cache folder, beside the data only."""
    try:
        return [root / PACKS, _cached(root)]
    except UserError:
        return [root / PACKS]


def _cached(root: Path) -> Path:
    name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:12]
    return cache_folder() / PACKS / f"{root.name}-{name}"
