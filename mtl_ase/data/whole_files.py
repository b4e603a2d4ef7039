"""Whether the bytes of a JPEG or PNG file are all there."""

from __future__ import annotations

import zlib

JPEG_START, JPEG_END, JPEG_SCAN = b"\xff\xd8", b"\xff\xd9", 0xDA
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND"
PNG_FRAME = 12
"""Bytes of a chunk besides its data: length, name, checksum."""


def is_damaged(content: bytes) -> bool:
    """Whether a JPEG lacks its end, or a PNG its end or the bytes that its checksums are of.

    Decoders fill what is missing with grey and go on, and Pillow does not look at the checksums of
    pixels. Other formats are left to their decoders.
    """
    if content.startswith(JPEG_START):
        return not _ends_after_scan(content)
    if content.startswith(PNG_START):
        return not _has_its_chunks(content)
    return False


def _ends_after_scan(content: bytes) -> bool:
    """Whether an end marker follows the first scan: one before is that of a small preview."""
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
    """Whether all chunks up to IEND are there; those that hold no pixels may be damaged."""
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
