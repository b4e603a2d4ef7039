"""Encoded images of unusual kinds, and of damaged bytes."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mtl_ase.base.errors import BadFile


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """An image's file, as Pillow writes it."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def grey_png(width: int, height: int, rows: bytes) -> bytes:
    """A grey PNG whose header claims any size; rows are bytes, each after a 0."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(rows)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


NO_FILES = {
    "folder": "as it is no file",
    "dangling-link": "is a link to nothing",
    "pipe": "as it is no file",
}
"""What may stand in a file's place, with what is said of it."""


def replace_by(path: Path, thing: str) -> None:
    """Put one of `NO_FILES` in a file's place."""
    path.unlink()
    if thing == "folder":
        path.mkdir()
    elif thing == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere")


def check_damaged_bytes(path: Path, content: bytes, read: Callable[[Path], np.ndarray]) -> None:
    """With any byte damaged, a file reads as before or not at all."""
    path.write_bytes(content)
    expected = read(path)
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        try:
            found = read(path)
        except BadFile:
            continue
        assert np.array_equal(found, expected), at


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
