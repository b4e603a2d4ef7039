"""What a pack was made from, as a hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from mtl_ase.data.labels import Label

PACK_VERSION = 1
"""Raise it whenever a decoded map or the format changes by a single byte."""


def fingerprint(root: Path, image_ids: Sequence[str], labels: Mapping[str, Label]) -> str:
    """Sixteen hex digits that change with any source file, label setting or the pack's version.

    Files count by name, size and time of change; their content is not read.
    """
    digest = hashlib.sha256(f"pack {PACK_VERSION}\n".encode())
    for task, label in labels.items():
        settings = sorted(vars(label).items())
        digest.update(f"{task} {type(label).__qualname__} {settings}\n".encode())
    for image_id in image_ids:
        digest.update(f"{image_id}\n".encode())
        for label in labels.values():
            for path in label.sources(root, image_id):
                digest.update(_state(path))
    return digest.hexdigest()[:16]


def _state(path: Path) -> bytes:
    try:
        state = path.stat()
    except OSError:
        return b"-\n"
    return f"{path.name} {state.st_size} {state.st_mtime_ns}\n".encode()
