"""Running the trainings of a search, one at a time, as child processes."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from mtl_ase.base.run_files import RunFiles
from mtl_ase.launch.child_training import TRAIN_SCRIPT, quoted, shell_exit_code, start_training
from mtl_ase.machine.process_memory import megabytes_of

SIGNALS = (signal.SIGTERM, signal.SIGINT)
PERIOD_S = 0.5


class Trainings:
    """Runs one training at a time and forwards SIGTERM and SIGINT to it.

    Inside the context (`with Trainings(...)`) these signals do not end this process; after one has
    arrived, no further training is started.

    Args:
        lock: file descriptor of the folder lock, which the trainings inherit: the folder stays
            locked until they have ended, even if this process is killed.

    Attributes:
        received: number of the signal that arrived, or None.
        process: the running training, or None.
        megabytes: most memory (MiB) that the last training's own process held, by looks twice a
            second; 0 where the system has no /proc.
    """

    def __init__(self, lock: int) -> None:
        self.lock = lock
        self.received: int | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.megabytes = 0
        self._handlers_before: dict[int, Any] = {}

    def __enter__(self) -> Trainings:
        self._handlers_before = {number: signal.signal(number, self._forward) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers_before.items():
            signal.signal(number, handler)

    def __call__(self, run: Path, overrides: Sequence[str]) -> int:
        """Start or resume a training in a run folder and wait for its end.

        Its stdout and stderr are appended to `output.log` in the run folder.

        Args:
            run: the run folder.
            overrides: overrides of train.py, without `run_dir` and `resume`.

        Returns:
            The exit code of the training: 128 + the signal number after a signal.
        """
        if self.received is not None:
            return 128 + self.received
        run.mkdir(parents=True, exist_ok=True)
        command = [str(TRAIN_SCRIPT), *overrides, f"run_dir={quoted(run)}", "resume=auto"]
        with RunFiles(run).output_log.open("ab") as log:
            self.process = start_training(
                command,
                {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[self.lock],
                process_group=0,  # otherwise a Ctrl-C would reach it twice
            )
        if self.received is not None:  # while the process was being started
            self.process.send_signal(self.received)
        code = self._wait(self.process)
        self.process = None
        if code != 0 and self.received is not None:
            return 128 + self.received
        return shell_exit_code(code)

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        self.megabytes = 0
        while True:
            try:
                return process.wait(PERIOD_S)
            except subprocess.TimeoutExpired:
                with suppress(OSError):  # no /proc, or it has just ended
                    self.megabytes = int(megabytes_of(process.pid, "VmHWM"))

    def _forward(self, number: int, _: FrameType | None) -> None:
        self.received = number
        if self.process is not None:
            self.process.send_signal(number)
