"""Killing a training again and again, and looking at what is left of it."""

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
from mtl_ase.tools.small_training import ROOT, SMALL, finish, start
from mtl_ase.training.checkpoint_files import previous, read_checkpoint, verify_checkpoint

SLOW = """
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
"""Runs train.py so that writing a checkpoint takes long."""
PAUSE_S = 0.002
LONGEST_S = 1.5
PATIENCE_S = 300


def torture(
    folder: Path,
    kills: int,
    epochs: int = 300,
    seed: int = 0,
    stops: int = 3,
    tmpdir: Path | None = None,
) -> dict[str, Any]:
    """Train once undisturbed and once with kill -9 at random moments; compare.

    Every other life writes its checkpoints slowly, so that many kills come while one is written.
    The same command is started again until it is done. On the way it is also stopped by SIGTERM.

    Args:
        folder: for both runs, and the data.
        kills: how often to kill.
        epochs: of six steps each.
        seed: of the moments.
        stops: how often to send SIGTERM, after the kills.
        tmpdir: TMPDIR of the killed run, e.g. on another file system.

    Returns:
        Figures: kills, those while a checkpoint was written, whether the final weights and logs
        are the same, steps logged more than once, torn checkpoints, litter; exit codes of SIGTERM
        and the seconds from it to the end of the process, its state saved.

    Raises:
        UserError: the training fails by itself.
    """
    calm = folder / "undisturbed"
    options = [*SMALL, f"data.root={folder / 'scenes'}", f"trainer.max_epochs={epochs}"]
    finish(_start([*options, f"run_dir={calm}"], 0.0, None))
    lives = _Lives(folder / "killed", options, random.Random(seed), tmpdir)
    for number in range(kills):
        lives.kill(PAUSE_S * (number % 2))
    for _ in range(stops):
        lives.stop()
    finish(_start([*options, f"run_dir={lives.run}"], 0.0, tmpdir))
    steps = _logged_steps(lives.run / "metrics.csv")
    return {
        "kills": lives.kills,
        "while_a_checkpoint_was_written": lives.writing,
        "exit_codes_of_sigterm": lives.codes,
        "seconds_from_sigterm_to_exit": lives.seconds,
        "steps": len(steps),
        "steps_logged_twice_or_never": _twice_or_never(steps),
        "torn_checkpoints": lives.torn,
        "litter": sorted(_files(lives.run) - _files(calm)),
        "same_weights": _same_weights(calm, lives.run),
        "same_logs": all(
            (calm / name).read_bytes() == (lives.run / name).read_bytes()
            for name in ("metrics.csv", "router.csv", "metrics.json")
        ),
    }


class _Lives:
    """One run that is ended from outside again and again, and what was seen.

    Args:
        run: its folder.
        options: its overrides.
        rng: of the moments.
        tmpdir: its TMPDIR.
    """

    def __init__(
        self, run: Path, options: list[str], rng: random.Random, tmpdir: Path | None
    ) -> None:
        self.run, self.options, self.rng, self.tmpdir = run, options, rng, tmpdir
        self.kills = self.writing = self.torn = 0
        self.codes: list[int] = []
        self.seconds: list[float] = []

    def kill(self, pause: float) -> None:
        """Kill it at a random moment; count what was under way, and look at its checkpoints."""
        process = self._live(pause)
        self.writing += bool(list((self.run / "checkpoints").glob(".last.ckpt.*.draft")))
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.kills += 1
        self.torn += _is_torn(self.run / "checkpoints" / "last.ckpt")

    def stop(self) -> None:
        """Tell it to end at a random moment; note how, and how long it takes."""
        process = self._live(0.0)
        process.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        self.codes.append(process.wait())
        self.seconds.append(round(time.monotonic() - begin, 2))

    def _live(self, pause: float) -> subprocess.Popen[bytes]:
        """Start it, and wait for a random time after its first step."""
        process = _start([*self.options, f"run_dir={self.run}"], pause, self.tmpdir)
        _wait_for_progress(process, self.run / "metrics.csv")
        time.sleep(self.rng.uniform(0, LONGEST_S))
        if process.poll() is not None:
            raise UserError(f"the run ended after {self.kills} kills; give more epochs.")
        return process


def _start(overrides: list[str], pause: float, tmpdir: Path | None) -> subprocess.Popen[bytes]:
    environment = {"PYTHONPATH": str(ROOT)}
    if tmpdir is not None:
        environment["TMPDIR"] = str(tmpdir)
    return start(["-c", SLOW, str(pause), "train.py", *overrides], environment)


def _wait_for_progress(process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the run has written to its log."""
    before = log.stat().st_mtime_ns if log.is_file() else 0
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        if log.is_file() and log.stat().st_mtime_ns > before:
            return
        time.sleep(0.02)


def _is_torn(path: Path) -> bool:
    """Whether there is a checkpoint under the final name that is not whole."""
    for place in (path, previous(path)):
        if place.is_file():
            try:
                verify_checkpoint(place)
            except UserError:
                return True
    return False


def _logged_steps(path: Path) -> list[int]:
    with path.open(newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]


def _twice_or_never(steps: list[int]) -> int:
    """How many steps are missing, or stand there once more than once."""
    return len(set(range(len(steps))) ^ set(steps)) + len(steps) - len(set(steps))


def _files(run: Path) -> set[str]:
    return {str(path.relative_to(run)) for path in run.rglob("*")}


def _same_weights(first: Path, second: Path) -> bool:
    parts = ("state_dict", "current_model_state")
    a, b = (read_checkpoint(run / "checkpoints" / "last.ckpt") for run in (first, second))
    return all(
        a[part].keys() == b[part].keys()
        and all(torch.equal(a[part][key], b[part][key]) for key in a[part])
        for part in parts
    )
