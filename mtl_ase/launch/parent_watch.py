"""Ending a process whose parent has ended, so that no orphan goes on training."""

from __future__ import annotations

import os
import signal
import threading
import time

POLL_PERIOD_S = 1.0
GRACE_S = 15.0


def end_with_parent(parent: int, grace_s: float = GRACE_S) -> None:
    """Start a thread that ends this process when its parent has ended.

    This process gets SIGTERM first, so that it can save its state, and SIGKILL after the grace
    period, e.g. because it waits for a rank that has ended too.

    Args:
        parent: PID of the process that started this one.
        grace_s: grace period between SIGTERM and SIGKILL, in seconds.
    """
    threading.Thread(target=_watch, args=(parent, grace_s), name="parent", daemon=True).start()


def _watch(parent: int, grace_s: float) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_PERIOD_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace_s)
    os.kill(os.getpid(), signal.SIGKILL)
