"""A lock on a folder, so that only one program works in it at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtl_ase.base.errors import UserError

TIMEOUT_S = 30.0
"""Long enough for the remaining processes of a killed program to end."""
RETRY_PERIOD_S = 0.2
LOCKS_UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
"""Error numbers of file systems without locks, such as some network mounts of clusters."""


@contextmanager
def folder_lock(folder: Path, key: str, timeout_s: float = TIMEOUT_S) -> Iterator[int]:
    """Create a folder if needed and hold an exclusive lock (flock) on it.

    Yields the file descriptor of the lock file. The operating system releases the lock when every
    process that inherited the descriptor has ended, even after kill -9.

    Args:
        folder: the folder to lock; its file `.lock` names the process that holds the lock.
        key: config key of the folder, e.g. "run_dir", for error messages.
        timeout_s: seconds to wait for another process to release the lock.

    Raises:
        UserError: another process still holds the lock, or the folder can't be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW  # a link may lead anywhere
        file = os.fdopen(os.open(folder / ".lock", flags, 0o666), "a+", encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{key}={folder} can't be written to ({error.strerror}); give another one."
        ) from error
    with file:
        _acquire(file.fileno(), folder, key, timeout_s)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        yield file.fileno()


def _acquire(descriptor: int, folder: Path, key: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                holder = (folder / ".lock").read_text(encoding="utf-8").strip()
                raise UserError(
                    f"{key}={folder} is in use by {holder or 'another process'}; wait until it "
                    "ends, stop it, or give another folder."
                ) from None
            time.sleep(RETRY_PERIOD_S)
        except OSError as error:
            if error.errno not in LOCKS_UNSUPPORTED:
                raise
            warnings.warn(
                f"{folder} is on a file system without locks: make sure yourself that no other "
                "program works there.",
                stacklevel=2,
            )
            return
