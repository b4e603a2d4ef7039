"""Running trainings as child processes, one after another or several at once."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from mtl_ase.base.run_files import RunFiles
from mtl_ase.launch.child_training import TRAINING, quoted, shell_exit_code, start_training
from mtl_ase.machine.process_memory import megabytes_of

SIGNALS = (signal.SIGTERM, signal.SIGINT)
PERIOD_S = 0.5

Environment = Mapping[str, str]


@dataclass
class Training:
    """A training that was started.

    Attributes:
        run: its run folder.
        process: the child process.
        environment: the environment variables that it has in addition to this process's.
        started: by the clock `time.monotonic`.
        megabytes: most memory (MiB) that its own process held, by looks twice a second; 0 where the
            system has no /proc.
        seconds: how long it took, once it has ended.
    """

    run: Path
    process: subprocess.Popen[bytes]
    environment: Environment
    started: float
    megabytes: int = 0
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """The exit code of a training that has ended: 128 + the signal number after a signal."""
        return shell_exit_code(self.process.returncode)

    def look(self) -> None:
        """Look at its memory."""
        with suppress(OSError):  # no /proc, or it has just ended
            self.megabytes = max(self.megabytes, int(megabytes_of(self.process.pid, "VmHWM")))


class Trainings:
    """Runs trainings and forwards SIGTERM and SIGINT to all that are running.

    Inside the context (`with Trainings(...)`) these signals do not end this process; after one has
    arrived, no further training is started.

    Args:
        lock: file descriptor of the folder lock, which the trainings inherit: the folder stays
            locked until they have ended, even if this process is killed.

    Attributes:
        received: number of the signal that arrived, or None.
        running: the trainings that have not ended.
        megabytes: most memory (MiB) of the last training that ended.
    """

    def __init__(self, lock: int) -> None:
        self.lock = lock
        self.received: int | None = None
        self.running: list[Training] = []
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

        Args:
            run: the run folder.
            overrides: overrides of train.py, without `run_dir` and `resume`.

        Returns:
            Its exit code; after a signal to this process it is 128 + the signal number, unless the
            training has succeeded.
        """
        code = None
        for training in self.run_all([(run, overrides)]):
            code = training.exit_code
        if self.received is not None and code != 0:
            return 128 + self.received
        assert code is not None
        return code

    def run_all(
        self,
        wanted: Iterable[tuple[Path, Sequence[str]]],
        environments: Sequence[Environment] = ({},),
    ) -> Iterator[Training]:
        """Start or resume trainings, as many at once as there are environments.

        Their stdout and stderr are appended to `output.log` in the run folders.

        Args:
            wanted: run folders and overrides of train.py, without `run_dir` and `resume`.
            environments: variables to set; a training has one of these to itself.

        Yields:
            The trainings, each when it has ended.
        """
        waiting, free = iter(wanted), list(environments)
        while True:
            while free and self.received is None and (found := next(waiting, None)) is not None:
                self._start(*found, free.pop(0))
            if not self.running:
                return
            for training in self._wait():
                free.append(training.environment)
                yield training

    def _start(self, run: Path, overrides: Sequence[str], environment: Environment) -> None:
        run.mkdir(parents=True, exist_ok=True)
        command = [*TRAINING, *overrides, f"run_dir={quoted(run)}", "resume=auto"]
        with RunFiles(run).output_log.open("ab") as log:
            process = start_training(
                command,
                {"PYTHONUNBUFFERED": "1", **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[self.lock],
                process_group=0,  # otherwise a Ctrl-C would reach it twice
            )
        self.running.append(Training(run, process, environment, time.monotonic()))
        if self.received is not None:  # while the process was being started
            process.send_signal(self.received)

    def _wait(self) -> list[Training]:
        """Those that have ended, none if no one does for a while."""
        with suppress(subprocess.TimeoutExpired):
            self.running[0].process.wait(PERIOD_S)
        ended = [training for training in self.running if training.process.poll() is not None]
        for training in self.running:
            training.look()
        for training in ended:
            training.seconds = time.monotonic() - training.started
            self.megabytes = training.megabytes
            self.running.remove(training)
        return ended

    def _forward(self, number: int, _: FrameType | None) -> None:
        self.received = number
        for training in self.running:
            training.process.send_signal(number)
