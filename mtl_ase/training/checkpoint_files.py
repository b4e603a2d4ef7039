"""Checkpoint files: written atomically, verified by SHA-256, with the previous one as fallback."""

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
KEPT_HASHES = 3
"""Entries of the manifest per checkpoint name."""
PREVIOUS = ".previous"
RESUMED = "last"
"""Stem of the checkpoint from which runs are resumed, and whose predecessor is kept."""
CHUNK = 2**22


class DamagedCheckpoint(UserError):
    """A checkpoint is unreadable, or its SHA-256 differs from the manifest."""


class CheckpointFiles(TorchCheckpointIO):
    """A Lightning CheckpointIO plugin with atomic writes and verified reads.

    A checkpoint is written to a temporary file, flushed to disk and renamed; its SHA-256 and step
    are added to the folder's manifest before the rename. The replaced `last.ckpt` is kept as
    `last.previous.ckpt`. Only plain containers and tensors are unpickled (`weights_only`), so a
    checkpoint of unknown origin cannot run code.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a checkpoint.

        Raises:
            UserError: it can't be written; the previous checkpoint is untouched.
        """
        write_checkpoint(checkpoint, Path(path))

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint.

        Raises:
            DamagedCheckpoint: it is unreadable, or its SHA-256 differs from the manifest.
        """
        return read_checkpoint(Path(path), map_location)


class _Hashing:
    """A file wrapper that computes the SHA-256 of the written bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.digest = file, hashlib.sha256()

    def write(self, content: Any) -> int:
        """Write bytes and add them to the hash."""
        self.digest.update(content)
        return self.file.write(content)

    def flush(self) -> None:
        """Flush the file."""
        self.file.flush()


def write_checkpoint(checkpoint: dict[str, Any], path: Path) -> None:
    """Write a checkpoint atomically; a replaced `last.ckpt` is kept as `last.previous.ckpt`.

    Args:
        checkpoint: the content.
        path: the file to write or replace; its folder is created if needed.

    Raises:
        UserError: the file can't be written; the previous checkpoint is untouched.
        RuntimeError: raised by others meanwhile, e.g. for a killed worker of a DataLoader; the
            previous checkpoint is untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            hashing = _Hashing(file)
            torch.save(checkpoint, hashing)  # type: ignore[arg-type]
            _add_to_manifest(path, hashing.digest.hexdigest(), checkpoint.get("global_step"))
            if path.is_file() and path.stem == RESUMED:
                _link(path, previous(path))
    except (OSError, RuntimeError) as error:  # torch's writer turns OSErrors into RuntimeErrors
        failure = _os_error(error)
        if failure is None:
            raise
        reason = failure.strerror or failure
        raise UserError(
            f"{path} can't be written ({reason}); the checkpoint before it is untouched. "
            "Free some space or check the permissions, and run the same command again with "
            "resume=auto."
        ) from error


def _os_error(error: BaseException | None) -> OSError | None:
    """The OSError that is an error, or that was raised before it; None if there is none."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def read_checkpoint(path: Path, map_location: Any = None) -> dict[str, Any]:
    """Verify and read a checkpoint.

    Raises:
        DamagedCheckpoint: its SHA-256 differs from the manifest, or it holds other objects than
            plain containers and tensors.
    """
    verify_checkpoint(path)
    try:
        content = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # torch raises many exception types for unreadable files
        raise DamagedCheckpoint(
            f"{path} can't be read as a checkpoint ({type(error).__name__}); choose another one."
        ) from error
    if not isinstance(content, dict):
        raise DamagedCheckpoint(f"{path} holds no training state; choose another one.")
    return content


def verify_checkpoint(path: Path) -> None:
    """Compare a checkpoint's SHA-256 with the folder's manifest.

    A checkpoint whose name is not in the manifest, e.g. one copied by hand, or whose manifest is
    gone, is accepted if it is complete: the file has checksums of its own.

    Raises:
        DamagedCheckpoint: the hash differs, or the manifest is unreadable.
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
    """The first undamaged checkpoint of a list of files; None if none of the files exists.

    Args:
        paths: candidates, newest first.

    Raises:
        DamagedCheckpoint: all existing files are damaged.
    """
    existing = [path for path in paths if path.is_file()]
    for number, path in enumerate(existing):
        try:
            verify_checkpoint(path)
        except DamagedCheckpoint as error:
            if number + 1 == len(existing):
                raise DamagedCheckpoint(
                    f"{error} No other checkpoint is left; start anew with another run_dir."
                ) from error
            warnings.warn(f"{error} Going on from {existing[number + 1]}.", stacklevel=2)
            continue
        return path
    return None


def previous(path: Path) -> Path:
    """The path under which a replaced checkpoint is kept, e.g. `last.previous.ckpt`."""
    return path.with_name(f"{path.stem}{PREVIOUS}{path.suffix}")


def copy_checkpoint(path: Path, target: Path) -> None:
    """Copy a checkpoint; the copy is added to the manifest of its folder."""
    content = read_checkpoint(path)
    write_checkpoint(content, target)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def written_name(path: Path) -> str:
    """The name of a checkpoint in the manifest, without `.previous`."""
    return path.name.replace(PREVIOUS, "")


def _add_to_manifest(path: Path, digest: str, step: Any) -> None:
    """Add a checkpoint to the manifest, which keeps the latest entries of every name."""
    manifest = path.parent / MANIFEST
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))["checkpoints"]
        entries = [entry for entry in content if {"name", "sha256"} <= entry.keys()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        entries = []
    same = [entry for entry in entries if entry["name"] == path.name and entry["sha256"] != digest]
    others = [entry for entry in entries if entry["name"] != path.name]
    new = {"name": path.name, "step": step, "sha256": digest}
    now = {"checkpoints": [*others, *same[1 - KEPT_HASHES :], new]}
    write_json(manifest, now)


def _link(path: Path, target: Path) -> None:
    """Hard-link a file to another name, which is replaced atomically."""
    link = target.with_name(f".{target.name}.draft")
    link.unlink(missing_ok=True)
    os.link(path, link)
    link.replace(target)
