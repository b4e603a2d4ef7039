"""Detects truncated or damaged JPEG and PNG files."""

from __future__ import annotations

import zlib

JPEG_START, JPEG_END, JPEG_SCAN = b"\xff\xd8", b"\xff\xd9", 0xDA
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND"
PNG_FRAME = 12
"""Bytes of a chunk besides its data: length, name, checksum."""


def is_damaged(content: bytes) -> bool:
    """Whether a JPEG is truncated, or a PNG is truncated or fails a checksum of a critical chunk.

    Decoders fill missing pixels with grey without an error, and Pillow does not verify the
    checksums of pixel data. Other formats are not checked.
    """
    if content.startswith(JPEG_START):
        return not _ends_after_scan(content)
    if content.startswith(PNG_START):
        return not _has_its_chunks(content)
    return False


def _ends_after_scan(content: bytes) -> bool:
    """Whether an end marker follows the first scan; an earlier one belongs to a thumbnail."""
    at = len(JPEG_START)
    while (at := content.find(b"\xff", at)) >= 0 and at + 4 <= len(content):
        marker = content[at + 1]
        if marker == JPEG_SCAN:
            return content.rfind(JPEG_END, at) >= 0
        has_length = marker not in (0x00, 0x01, 0xFF) and not 0xD0 <= marker <= 0xD9
        skipped = 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        at += skipped if has_length else 1
    return False


def _has_its_chunks(content: bytes) -> bool:
    """Whether all chunks up to IEND are complete; ancillary chunks may fail their checksum."""
    bytes_, at = memoryview(content), len(PNG_START)
    while at + PNG_FRAME <= len(content):
        end = at + PNG_FRAME + int.from_bytes(bytes_[at : at + 4], "big")
        name, crc = content[at + 4 : at + 8], int.from_bytes(bytes_[end - 4 : end], "big")
        is_critical = not name[0] & 0x20
        if end > len(content) or (is_critical and zlib.crc32(bytes_[at + 4 : end - 4]) != crc):
            return False
        if name == PNG_END:
            return True
        at = end
    return False
