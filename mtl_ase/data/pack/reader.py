"""Reading packs.

Legend: N images, K maps of an image.
"""

from __future__ import annotations

import json
import mmap
import os
from pathlib import Path
from typing import Any

from zstandard import ZstdError

from mtl_ase.data.labels.label import Array
from mtl_ase.data.pack.format import MANIFEST, SHARD_IMAGES, decode_map, read_index, shard_name
from mtl_ase.data.pack.in_use import hold


def named(manifest: Path) -> object:
    """The pack name in a manifest, or None if it can't be read."""
    try:
        return json.loads(manifest.read_text(encoding="utf-8"))["pack"]
    except (OSError, ValueError, LookupError, TypeError):
        return None


class PackDamaged(Exception):
    """A pack's file is truncated, or its checksum differs."""


class PackUnreadable(PackDamaged):
    """A pack can't be read, maybe temporarily: too many open files, a file server is down."""


class Pack:
    """The label maps of a split's images, read from memory-mapped shards.

    Processes share the mapped pages. The checksum of every map is verified when it is read. The
    folder is locked as in use as long as this object lives.

    Args:
        folder: folder of the pack.
        manifest: the content of its manifest.json.

    Attributes:
        count: number of images.
        skipped: error messages of labels that were unreadable when the pack was built.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder = folder
        self.count: int = manifest["images"]
        self.skipped: list[str] = manifest["skipped"]
        self._column = {name: column for column, name in enumerate(manifest["maps"])}
        self._shards: dict[int, tuple[mmap.mmap, memoryview, Any]] = {}
        self._held: int | None = hold(folder)

    def __del__(self) -> None:
        held = getattr(self, "_held", None)
        if held is not None:
            os.close(held)

    @classmethod
    def open(cls, folder: Path) -> Pack | None:
        """The pack in a folder; None if there is none or it is incomplete."""
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            sizes = [(folder / name).stat().st_size for name in manifest["shards"]]
            complete = sizes == list(manifest["shards"].values())
            complete = complete and manifest["pack"] == folder.name
            pack = cls(folder, manifest)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return pack if complete else None

    def read(self, name: str, index: int) -> Array | None:
        """A map of the index-th image as stored, read-only; None where it is unlabelled.

        Args:
            name: name of the map, see `map_names`.
            index: position of the image in the split.

        Raises:
            PackDamaged: the shard is missing, truncated, unreadable, or its checksum differs.
        """
        number, row = divmod(index, SHARD_IMAGES)
        try:
            file, shard, index_NK = self._shard(number)
            if file.size() != len(shard):  # reading a truncated memory map kills the process
                raise ValueError("another size")
            entry = index_NK[row, self._column[name]]
            if not entry["length"]:
                return None
            start = int(entry["offset"])
            return decode_map(shard[start : start + int(entry["length"])], entry)
        except FileNotFoundError as error:
            raise PackDamaged(f"{self.folder / shard_name(number)} is missing") from error
        except OSError as error:
            place = self.folder / shard_name(number)
            raise PackUnreadable(f"{place}: {error.strerror}") from error
        except (ValueError, TypeError, LookupError, MemoryError, ZstdError) as error:
            raise PackDamaged(f"{self.folder / shard_name(number)}: {error}") from error

    def _shard(self, number: int) -> tuple[mmap.mmap, memoryview, Any]:
        if number not in self._shards:
            with (self.folder / shard_name(number)).open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            content = memoryview(mapped)
            self._shards[number] = mapped, content, read_index(content)
        return self._shards[number]

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the memory maps and the lock; another process opens the shards itself."""
        return {**self.__dict__, "_shards": {}, "_held": None}
