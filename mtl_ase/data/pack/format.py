"""The file format of packs: shards of compressed maps, each with an index, and a manifest.

A pack is a folder. `shard-00000.bin` holds the maps of the first SHARD_IMAGES images, one
zstandard frame per map, then an index of ENTRY records (image by image, map by map), then a
FOOTER. The manifest is written last: a folder with a manifest is complete.

Legend: N images of a shard, K maps of an image, H W pixels, C channels.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

import numpy as np
import zstandard
from numpy.typing import NDArray

from mtl_ase.data.labels.label import Array

MANIFEST = "manifest.json"
SHARD_IMAGES = 128
LEVEL = 9
ENTRY = np.dtype(
    [
        ("offset", "<u8"),
        ("length", "<u4"),  # 0: the image is unlabelled for this task
        ("crc", "<u4"),
        ("height", "<u4"),
        ("width", "<u4"),
        ("channels", "<u2"),  # 0: the map has no channel axis
        ("dtype", "S2"),
    ]
)
FOOTER = struct.Struct("<8sIIII")  # magic, images, maps, bytes and CRC-32 of the index
MAGIC = b"mtlpack1"


def shard_name(number: int) -> str:
    """File name of a shard."""
    return f"shard-{number:05d}.bin"


def encode_map(stored: Array | None) -> tuple[bytes, tuple[int, int, int, int, int, bytes]]:
    """Compress a map; returns the bytes and the fields of its ENTRY after the offset."""
    if stored is None:
        return b"", (0, 0, 0, 0, 0, b"")
    array = np.ascontiguousarray(stored)
    packed = zstandard.ZstdCompressor(level=LEVEL).compress(array.data)
    channels = array.shape[2] if array.ndim == 3 else 0
    height, width = array.shape[:2]
    return packed, (len(packed), zlib.crc32(packed), height, width, channels, _code(array))


def decode_map(packed: bytes | memoryview, entry: NDArray[np.void]) -> Array:
    """Decompress a map to (H, W) or (H, W, C), read-only.

    Args:
        packed: the compressed bytes.
        entry: the map's ENTRY in the index.

    Raises:
        ValueError: the checksum differs.
    """
    if zlib.crc32(packed) != entry["crc"]:
        raise ValueError("checksum differs")
    shape = (int(entry["height"]), int(entry["width"]), int(entry["channels"]))
    dtype = np.dtype(bytes(entry["dtype"]).decode())
    size = shape[0] * shape[1] * max(1, shape[2]) * dtype.itemsize
    content = zstandard.ZstdDecompressor().decompress(packed, max_output_size=max(1, size))
    return np.frombuffer(content, dtype).reshape(shape if shape[2] else shape[:2])


def _code(array: Array) -> bytes:
    return array.dtype.newbyteorder("<").str[1:].encode()


def shard_bytes(maps_NK: Iterable[list[Array | None]]) -> bytes:
    """The bytes of a whole shard; `maps_NK` is read one image at a time."""
    rows, frames, offset = [], [], 0
    for maps_K in maps_NK:
        row = []
        for stored in maps_K:
            packed, fields = encode_map(stored)
            row.append((offset, *fields))
            frames.append(packed)
            offset += len(packed)
        rows.append(row)
    index_NK = np.array(rows, ENTRY)
    index = index_NK.tobytes()
    footer = FOOTER.pack(MAGIC, *index_NK.shape, len(index), zlib.crc32(index))
    return b"".join([*frames, index, footer])


def has_all_frames(shard: memoryview, index_NK: NDArray[np.void]) -> bool:
    """Whether every frame's bytes are those that were written."""
    return all(
        zlib.crc32(shard[int(entry["offset"]) :][: int(entry["length"])]) == entry["crc"]
        for entry in index_NK.flat
    )


def read_index(shard: memoryview) -> NDArray[np.void]:
    """The index_NK of a shard, an array of ENTRY.

    Raises:
        ValueError: the shard is truncated or damaged.
    """
    if len(shard) < FOOTER.size:
        raise ValueError("too short")
    magic, images, maps, length, crc = FOOTER.unpack(shard[-FOOTER.size :])
    index = shard[-FOOTER.size - length : -FOOTER.size]
    fits = len(index) == length == images * maps * ENTRY.itemsize
    if magic != MAGIC or not fits or zlib.crc32(index) != crc:
        raise ValueError("no index")
    return np.frombuffer(index, ENTRY).reshape(images, maps)
