"""DataLoader worker processes: they ignore signals that are sent to the whole process group."""

from __future__ import annotations

import os
import signal
import threading

import cv2


def start_worker(_worker: int) -> None:
    """The `worker_init_fn` of DataLoaders: one OpenCV thread, and signals to the run ignored.

    Terminals, torchrun and SLURM send a signal to all processes of a run. The main process stops
    after the current step and needs its workers until then: without them it would crash before it
    saves. Only SIGTERM from the main process itself ends a worker.
    """
    cv2.setNumThreads(0)
    for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # not on macOS
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_exit_on_sigterm_from, args=(os.getppid(),), daemon=True).start()


def _exit_on_sigterm_from(parent: int) -> None:
    """Exit on a SIGTERM that the parent process sent; ignore SIGTERM from other processes."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
