"""Running trainings, each in a process of its own."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from mtl_ase.base.run_files import RunFiles
from mtl_ase.launch.child_training import TRAIN_SCRIPT, quoted, shell_exit_code, start_training

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Trainings:
    """Runs one training at a time and passes SIGTERM and SIGINT on to it.

    A context: while it is open, these signals no longer end this process. After one has arrived,
    no training is started.

    Args:
        inherited: number of an open file that the trainings hold open too.
    """

    def __init__(self, inherited: int) -> None:
        self.inherited = inherited
        self.received: int | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.before: dict[int, Any] = {}

    def __enter__(self) -> Trainings:
        self.before = {number: signal.signal(number, self._pass_on) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def __call__(self, run: Path, overrides: Sequence[str]) -> int:
        """Start a training in a run folder, or go on with it, and wait for its end.

        What it prints is added to `output.log` in the folder.

        Returns:
            Its exit code, 128 + the signal if one ended it.
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
                pass_fds=[self.inherited],
                process_group=0,  # else a Ctrl-C would reach it twice
            )
        if self.received is not None:  # before there was a process to pass it on to
            self.process.send_signal(self.received)
        code = self.process.wait()
        self.process = None
        if code != 0 and self.received is not None:
            return 128 + self.received
        return shell_exit_code(code)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self.received = number
        if self.process is not None:
            self.process.send_signal(number)
