"""A hash of everything that a pack depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from mtl_ase.data.labels import Label

PACK_VERSION = 1
"""Increase it whenever a decoded map or the format changes by a single byte."""


def fingerprint(root: Path, image_ids: Sequence[str], labels: Mapping[str, Label]) -> str:
    """Sixteen hex digits that change with any label file, label setting or the pack version.

    Files are compared by name, size and modification time; their content is not read.

    Args:
        root: folder of the data set.
        image_ids: ids of the split's images, in order.
        labels: the labels by task.
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
