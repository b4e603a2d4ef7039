"""Loader processes: they serve until their parent has done with them."""

from __future__ import annotations

import os
import signal
import threading

import cv2


def start_worker(_worker: int) -> None:
    """Prepare a loader process; signals that are meant for the run do not end it.

    Terminals, torchrun and SLURM send a signal to all processes of a run. The run answers it after
    the step at hand, for which it still needs its loaders: without one it would crash, unsaved.
    """
    cv2.setNumThreads(0)
    for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # not on macOS
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_when_told, args=(os.getppid(),), daemon=True).start()


def _end_when_told(parent: int) -> None:
    """Wait for SIGTERM from the parent; others' is passed over."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
