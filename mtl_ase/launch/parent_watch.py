"""Ending a process whose parent is gone, so that nothing trains on unseen."""

from __future__ import annotations

import os
import signal
import threading
import time

PERIOD_S = 1.0
GRACE_S = 15.0


def end_with_parent(parent: int, grace_s: float = GRACE_S) -> None:
    """Watch a parent process from now on; when it is gone, end this process.

    It gets SIGTERM first, to save what it can, and SIGKILL when that took too long, e.g. because it
    waits for a process that is gone too.

    Args:
        parent: number of the process that started this one.
        grace_s: seconds between the two signals.
    """
    threading.Thread(target=_watch, args=(parent, grace_s), name="parent", daemon=True).start()


def _watch(parent: int, grace_s: float) -> None:
    while os.getppid() == parent:
        time.sleep(PERIOD_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace_s)
    os.kill(os.getpid(), signal.SIGKILL)
