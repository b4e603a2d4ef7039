"""Where packs lie: beside the data, or in the cache where the data may not be written to."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from mtl_ase.base.errors import UserError
from mtl_ase.data.pack.reader import Pack
from mtl_ase.machine.cache import cache_folder

PACKS = "packs"


def pack_folder(root: Path, split: str, mark: str) -> Path:
    """The folder to build a split's pack in; `mark` is the fingerprint of its sources.

    Raises:
        UserError: the data may not be written to, and there is no cache folder.
    """
    beside = root / PACKS
    writable = os.access(beside if beside.is_dir() else root, os.W_OK)
    return (beside if writable else _cached(root)) / f"{split}-{mark}"


def find_pack(root: Path, split: str, mark: str) -> Pack | None:
    """The split's finished and fresh pack, if there is one."""
    for home in _homes(root):
        pack = Pack.open(home / f"{split}-{mark}")
        if pack is not None:
            return pack
    return None


def stale_packs(root: Path, split: str, mark: str) -> list[Path]:
    """Folders of packs of this split that were made from other files or by other code."""
    return [
        folder
        for home in _homes(root)
        for folder in sorted(home.glob(f"{split}-" + "[0-9a-f]" * len(mark)))
        if folder.name != f"{split}-{mark}"
    ]


def _homes(root: Path) -> list[Path]:
    """Where packs may lie; without a cache folder, beside the data only."""
    try:
        return [root / PACKS, _cached(root)]
    except UserError:
        return [root / PACKS]


def _cached(root: Path) -> Path:
    name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:12]
    return cache_folder() / PACKS / f"{root.name}-{name}"
