"""Locks on packs in use, so that no other process removes them.

Every process that builds or reads a pack has a shared lock on its folder. On file systems without
locks on folders, every pack counts as in use.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def hold(folder: Path) -> int:
    """Lock a pack as in use; returns the file descriptor, whose closing releases the lock.

    Raises:
        OSError: the folder does not exist.
    """
    number = os.open(folder, os.O_RDONLY)
    with suppress(OSError):
        fcntl.flock(number, fcntl.LOCK_SH)
    return number


@contextmanager
def held_new(folder: Path) -> Iterator[None]:
    """Create a pack's folder unless it exists, and lock it as in use.

    Raises:
        OSError: it can't be created.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            number = hold(folder)
        except FileNotFoundError:
            continue  # another process has just removed it as stale
        if _still_exists(folder, number):
            break
        os.close(number)
    try:
        yield
    finally:
        os.close(number)


def remove_unused(folder: Path) -> None:
    """Remove a pack's folder unless a process builds or reads the pack."""
    try:
        number = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return
    finally:
        os.close(number)


def _still_exists(folder: Path, number: int) -> bool:
    """Whether the open folder still exists under this path."""
    try:
        return os.path.samestat(folder.stat(), os.fstat(number))
    except FileNotFoundError:
        return False
