"""Checkpoint files: written atomically, verified before they are read, with one to fall back on."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from mtl_ase.base.atomic_files import atomic_file, write_json
from mtl_ase.base.errors import UserError

MANIFEST = "manifest.json"
REMEMBERED = 3
PREVIOUS = ".previous"
RESUMED = "last"
"""The checkpoint that a run goes on from, and whose predecessor is kept."""
CHUNK = 2**22


class DamagedCheckpoint(UserError):
    """A checkpoint's bytes are not those that were written."""


class CheckpointFiles(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints.

    A checkpoint is written beside its place, brought to the disk and then renamed; its SHA-256 and
    step stand in the folder's manifest before that. The one it replaces stays as
    `NAME.previous.ckpt`. Only plain containers and tensors are read (`weights_only`), so a
    checkpoint from a stranger cannot run code.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a checkpoint.

        Raises:
            UserError: it can't be written; the one before is untouched.
        """
        write_checkpoint(checkpoint, Path(path))

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint.

        Raises:
            DamagedCheckpoint: its bytes are not those that were written.
        """
        return read_checkpoint(Path(path), map_location)


class _Hashing:
    """A file that knows the SHA-256 of what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.digest = file, hashlib.sha256()

    def write(self, content: Any) -> int:
        """Write and hash."""
        self.digest.update(content)
        return self.file.write(content)

    def flush(self) -> None:
        """Flush."""
        self.file.flush()


def write_checkpoint(checkpoint: dict[str, Any], path: Path) -> None:
    """Write a checkpoint in place of an older one, which stays as the previous one.

    Raises:
        UserError: it can't be written; the one before is untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            hashing = _Hashing(file)
            torch.save(checkpoint, hashing)  # type: ignore[arg-type]
            _remember(path, hashing.digest.hexdigest(), checkpoint.get("global_step"))
            if path.is_file() and path.stem == RESUMED:
                _keep(path, previous(path))
    except (OSError, RuntimeError) as error:  # torch's writer says something else of an OSError
        raise UserError(
            f"{path} can't be written ({_reason(error)}); the checkpoint before it is untouched. "
            "Free some space or check the folder's rights, and run the same command again with "
            "resume=auto."
        ) from error


def _reason(error: BaseException) -> str:
    """What the system said, however the error was wrapped."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error)


def read_checkpoint(path: Path, map_location: Any = None) -> dict[str, Any]:
    """Verify and read a checkpoint.

    Raises:
        DamagedCheckpoint: its bytes are not those that were written, or it holds more than plain
            containers and tensors.
    """
    verify_checkpoint(path)
    try:
        content = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # torch raises many kinds for bytes it can't read
        raise DamagedCheckpoint(
            f"{path} can't be read as a checkpoint ({type(error).__name__}); choose another one."
        ) from error
    if not isinstance(content, dict):
        raise DamagedCheckpoint(f"{path} holds no training state; choose another one.")
    return content


def verify_checkpoint(path: Path) -> None:
    """Compare a checkpoint's bytes with the folder's manifest.

    A checkpoint that was put there by hand, under a name of its own, or whose manifest is gone, is
    taken as it is if it is whole: its file has checksums of its own.

    Raises:
        DamagedCheckpoint: they are not those that were written.
    """
    known = _known(path)
    if known and sha256(path) not in known:
        raise DamagedCheckpoint(f"{path} is damaged: its bytes are not those that were written.")
    if not known and not _is_whole(path):
        raise DamagedCheckpoint(
            f"{path} can't be read as a checkpoint (it is cut off, or no such file); choose "
            "another one."
        )


def _known(path: Path) -> set[str]:
    """The SHA-256 that a checkpoint may have by the manifest; none if it says nothing of it."""
    manifest = path.parent / MANIFEST
    if not os.path.lexists(manifest):
        return set()
    try:
        entries = json.loads(manifest.read_text(encoding="utf-8"))["checkpoints"]
        return {entry["sha256"] for entry in entries if entry["name"] == written_name(path)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedCheckpoint(
            f"{manifest} can't be read; delete it to load {path.name} unverified."
        ) from error


def _is_whole(path: Path) -> bool:
    """Whether it is an archive as torch writes them, each part with the checksum it should have."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        return False


def newest_good(paths: Sequence[Path]) -> Path | None:
    """The first of these checkpoints that is whole; None where there is none at all.

    Raises:
        DamagedCheckpoint: there are some, but all are damaged.
    """
    there = [path for path in paths if path.is_file()]
    for number, path in enumerate(there):
        try:
            verify_checkpoint(path)
        except DamagedCheckpoint as error:
            if number + 1 == len(there):
                raise DamagedCheckpoint(
                    f"{error} No other checkpoint is left; start anew with another run_dir."
                ) from error
            warnings.warn(f"{error} Going on from {there[number + 1]}.", stacklevel=2)
            continue
        return path
    return None


def previous(path: Path) -> Path:
    """Where the checkpoint goes that a new one replaces."""
    return path.with_name(f"{path.stem}{PREVIOUS}{path.suffix}")


def copy_checkpoint(path: Path, place: Path) -> None:
    """Copy a checkpoint within its folder; the manifest knows the copy too."""
    content = read_checkpoint(path)
    write_checkpoint(content, place)


def sha256(path: Path) -> str:
    """Of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def written_name(path: Path) -> str:
    """The name under which a checkpoint was written."""
    return path.name.replace(PREVIOUS, "")


def _remember(path: Path, digest: str, step: Any) -> None:
    """Note a checkpoint in the manifest, with the last few of the same name."""
    manifest = path.parent / MANIFEST
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))["checkpoints"]
        entries = [entry for entry in content if {"name", "sha256"} <= entry.keys()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        entries = []
    same = [entry for entry in entries if entry["name"] == path.name and entry["sha256"] != digest]
    others = [entry for entry in entries if entry["name"] != path.name]
    new = {"name": path.name, "step": step, "sha256": digest}
    now = {"checkpoints": [*others, *same[1 - REMEMBERED :], new]}
    write_json(manifest, now)


def _keep(path: Path, place: Path) -> None:
    """Give a file a second name, in one step."""
    link = place.with_name(f".{place.name}.draft")
    link.unlink(missing_ok=True)
    os.link(path, link)
    link.replace(place)
