"""One training at a time in a run folder."""

from __future__ import annotations

import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_only

from mtl_ase.errors import UserError

PATIENCE_S = 30.0
"""How long a killed run's last processes may take to end."""


@contextmanager
def run_lock(folder: Path, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Hold a run folder in the first process of a training; the system lets go when that ends.

    Raises:
        UserError: another training holds it, and goes on holding it.
    """
    if getattr(rank_zero_only, "rank", 0) != 0:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+", encoding="utf-8") as file:
        _take(file.fileno(), folder, patience_s)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        yield


def _take(number: int, folder: Path, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                holder = (folder / ".lock").read_text(encoding="utf-8").strip()
                raise UserError(
                    f"run_dir={folder} is being trained in by {holder or 'another process'}; wait "
                    "for it, stop it, or choose another run_dir."
                ) from None
            time.sleep(0.2)
