"""One program at a time in a folder."""

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

PATIENCE_S = 30.0
"""How long the last processes of a killed program may take to end."""
PERIOD_S = 0.2
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
"""What file systems of clusters say that are mounted without locks."""


@contextmanager
def folder_lock(folder: Path, key: str, patience_s: float = PATIENCE_S) -> Iterator[int]:
    """Hold a folder, made if there is none; gives the number of the open file that holds it.

    The system lets go when all processes that have the file are gone, however they end.

    Args:
        folder: to hold; `.lock` in it says who does.
        key: by which the user named it, e.g. "run_dir".
        patience_s: seconds to wait for it.

    Raises:
        UserError: another process holds it and goes on holding it, or it can't be written to.
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
        _take(file.fileno(), folder, key, patience_s)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        yield file.fileno()


def _take(number: int, folder: Path, key: str, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                holder = (folder / ".lock").read_text(encoding="utf-8").strip()
                raise UserError(
                    f"{key}={folder} is in use by {holder or 'another process'}; wait until it "
                    "ends, stop it, or give another folder."
                ) from None
            time.sleep(PERIOD_S)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            warnings.warn(
                f"{folder} lies on a file system without locks: see to it yourself that no other "
                "program works there.",
                stacklevel=2,
            )
            return
