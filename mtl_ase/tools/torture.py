"""The kill test: kills a training at random moments and compares it with an undisturbed one."""

from __future__ import annotations

import csv
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import torch

from mtl_ase.base.errors import UserError
from mtl_ase.base.installation import CHECKOUT
from mtl_ase.base.run_files import RunFiles
from mtl_ase.tools.small_training import SMALL, finish, start
from mtl_ase.training.checkpoint_files import previous, read_checkpoint, verify_checkpoint

SLOW_CHECKPOINTS = """
import runpy, sys, time
from mtl_ase.training import checkpoint_files
written, pause = checkpoint_files._Hashing.write, float(sys.argv[1])
def slowly(self, content):
    time.sleep(pause)
    return written(self, content)
checkpoint_files._Hashing.write = slowly
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""A script that runs train.py with a pause before every write to a checkpoint."""
PAUSE_S = 0.002
LONGEST_S = 1.5
"""Longest time from the first step of a start to its kill."""
START_TIMEOUT_S = 300


def torture(
    folder: Path,
    kills: int,
    epochs: int = 300,
    seed: int = 0,
    stops: int = 3,
    tmpdir: Path | None = None,
) -> dict[str, Any]:
    """Train once undisturbed and once with kill -9 at random moments; compare.

    The same command is started again after every kill until the run is finished. Every other start
    writes its checkpoints slowly, so that many kills hit a checkpoint that is being written. After
    the kills, the run is also stopped by SIGTERM.

    Args:
        folder: folder of both runs and the data.
        kills: number of kills.
        epochs: epochs of six steps each.
        seed: seed of the random moments.
        stops: number of stops by SIGTERM.
        tmpdir: TMPDIR of the killed run, e.g. on another file system.

    Returns:
        Figures: kills; kills while a checkpoint was written; exit codes after SIGTERM, and seconds
        from SIGTERM to the exit; steps; steps that are missing from the log or in it twice; torn
        (incomplete) checkpoints; files that the undisturbed run does not have ("litter"); whether
        the final weights and logs are equal.

    Raises:
        UserError: the training fails by itself.
    """
    undisturbed = folder / "undisturbed"
    options = [*SMALL, f"data.root={folder / 'scenes'}", f"trainer.max_epochs={epochs}"]
    finish(_start([*options, f"run_dir={undisturbed}"], 0.0, None))
    killed = _KilledRun(folder / "killed", options, random.Random(seed), tmpdir)
    for number in range(kills):
        killed.kill(PAUSE_S * (number % 2))
    for _ in range(stops):
        killed.stop()
    finish(_start([*options, f"run_dir={killed.run}"], 0.0, tmpdir))
    steps = _logged_steps(killed.files.log)
    return {
        "kills": killed.kills,
        "while_a_checkpoint_was_written": killed.while_writing,
        "exit_codes_of_sigterm": killed.exit_codes,
        "seconds_from_sigterm_to_exit": killed.seconds,
        "steps": len(steps),
        "steps_logged_twice_or_never": _count_wrong_steps(steps),
        "torn_checkpoints": killed.torn,
        "litter": sorted(_files(killed.run) - _files(undisturbed)),
        "same_weights": _same_weights(undisturbed, killed.run),
        "same_logs": _same_logs(RunFiles(undisturbed), killed.files),
    }


class _KilledRun:
    """A run that is started and killed again and again.

    Args:
        run: the run folder.
        options: overrides of train.py.
        rng: draws the moments of the kills.
        tmpdir: TMPDIR of the run, or None.

    Attributes:
        kills: number of kills so far.
        while_writing: kills while a checkpoint was written.
        torn: kills after which a checkpoint was incomplete.
        exit_codes: exit codes after SIGTERM.
        seconds: seconds from SIGTERM to the exit.
    """

    def __init__(
        self, run: Path, options: list[str], rng: random.Random, tmpdir: Path | None
    ) -> None:
        self.run, self.options, self.rng, self.tmpdir = run, options, rng, tmpdir
        self.files = RunFiles(run)
        self.kills = self.while_writing = self.torn = 0
        self.exit_codes: list[int] = []
        self.seconds: list[float] = []

    def kill(self, pause: float) -> None:
        """Start the run, kill it at a random moment and verify its checkpoints."""
        process = self._start_and_wait(pause)
        self.while_writing += bool(list(self.files.checkpoints.glob(".last.ckpt.*.draft")))
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.kills += 1
        self.torn += _is_torn(self.files.last)

    def stop(self) -> None:
        """Start the run and stop it by SIGTERM at a random moment."""
        process = self._start_and_wait(0.0)
        process.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        self.exit_codes.append(process.wait())
        self.seconds.append(round(time.monotonic() - begin, 2))

    def _start_and_wait(self, pause: float) -> subprocess.Popen[bytes]:
        """Start the run and wait for a random time after its first step."""
        process = _start([*self.options, f"run_dir={self.run}"], pause, self.tmpdir)
        _wait_for_progress(process, self.files.log)
        time.sleep(self.rng.uniform(0, LONGEST_S))
        if process.poll() is not None:
            raise UserError(f"the run ended after {self.kills} kills; give more epochs.")
        return process


def _start(overrides: list[str], pause: float, tmpdir: Path | None) -> subprocess.Popen[bytes]:
    environment = {"PYTHONPATH": str(CHECKOUT)}
    if tmpdir is not None:
        environment["TMPDIR"] = str(tmpdir)
    return start(["-c", SLOW_CHECKPOINTS, str(pause), "train.py", *overrides], environment)


def _wait_for_progress(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the run has written to its log."""
    before = log.stat().st_mtime_ns if log.is_file() else 0
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        if log.is_file() and log.stat().st_mtime_ns > before:
            return
        time.sleep(0.02)


def _is_torn(path: Path) -> bool:
    """Whether the checkpoint or its predecessor is incomplete."""
    for checkpoint in (path, previous(path)):
        if checkpoint.is_file():
            try:
                verify_checkpoint(checkpoint)
            except UserError:
                return True
    return False


def _logged_steps(path: Path) -> list[int]:
    with path.open(newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]


def _count_wrong_steps(steps: list[int]) -> int:
    """The number of missing steps plus the number of repetitions."""
    return len(set(range(len(steps))) ^ set(steps)) + len(steps) - len(set(steps))


def _files(run: Path) -> set[str]:
    return {str(path.relative_to(run)) for path in run.rglob("*")}


def _same_logs(first: RunFiles, second: RunFiles) -> bool:
    logs = ((run.log, run.router_log, run.metrics) for run in (first, second))
    return all(a.read_bytes() == b.read_bytes() for a, b in zip(*logs, strict=True))


def _same_weights(first: Path, second: Path) -> bool:
    parts = ("state_dict", "current_model_state")
    a, b = (read_checkpoint(RunFiles(run).last) for run in (first, second))
    return all(
        a[part].keys() == b[part].keys()
        and all(torch.equal(a[part][key], b[part][key]) for key in a[part])
        for part in parts
    )
