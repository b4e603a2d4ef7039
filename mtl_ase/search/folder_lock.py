"""One search at a time in a folder."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mtl_ase.errors import UserError

PATIENCE_S = 30.0
PERIOD_S = 0.2


@contextmanager
def locked(folder: Path, patience_s: float = PATIENCE_S) -> Iterator[int]:
    """Hold a folder, made if there is none; gives the number of the open file that holds it.

    The folder is held until all processes that have the file are gone: a search hands it to its
    trainings, so that one that outlives its search is waited for.

    Args:
        folder: of the search.
        patience_s: seconds to wait for it.

    Raises:
        UserError: another process holds it, or it can't be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "search.lock").open("w")
    except OSError as error:
        raise UserError(
            f"folder={folder} can't be written to ({error.strerror}); give another one."
        ) from error
    with file:
        _take(file, folder, patience_s)
        yield file.fileno()


def _take(file: IO[str], folder: Path, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise UserError(
                    f"folder={folder} is in use by another search or one of its trainings; "
                    "wait until it ends, or give another folder."
                ) from None
            time.sleep(PERIOD_S)
