"""Which packs are in use, so that nobody removes them.

Whoever builds or reads a pack holds a shared lock on its folder. Where a file system has no locks
on folders, every pack counts as in use.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def hold(folder: Path) -> int:
    """Mark a pack as in use until the number that this gives is closed.

    Raises:
        OSError: the folder is not there.
    """
    number = os.open(folder, os.O_RDONLY)
    with suppress(OSError):
        fcntl.flock(number, fcntl.LOCK_SH)
    return number


@contextmanager
def held_new(folder: Path) -> Iterator[None]:
    """Make a pack's folder unless it is there, and hold it.

    Raises:
        OSError: it can't be made.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            number = hold(folder)
        except FileNotFoundError:
            continue  # removed as stale in this moment
        if _is_still(folder, number):
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


def _is_still(folder: Path, number: int) -> bool:
    """Whether the open folder is the one of this name."""
    try:
        return os.path.samestat(folder.stat(), os.fstat(number))
    except FileNotFoundError:
        return False
