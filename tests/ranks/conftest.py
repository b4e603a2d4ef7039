"""Runs in two processes on the CPU, by Lightning's launcher and by torchrun."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
FAULTY = "tests/ranks/faulty_train.py"
PATIENCE_S = 240
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]

Start = Callable[..., subprocess.Popen]


@pytest.fixture(scope="session")
def two_ranks(tiny: list[str]) -> list[str]:
    """Overrides for the tiny network on two tasks in two processes."""
    kept = [override for override in tiny if override != "trainer=cpu"]
    ddp = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    return [*kept, *ddp, "tasks=[semseg,edge]", "trainer.sync_batchnorm=false", "resume=auto"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a run; what is left of it is killed after the test."""
    processes: list[subprocess.Popen] = []

    def run(
        *overrides: str, by: str = "lightning", script: str = "train.py", **environment: str
    ) -> subprocess.Popen:
        command = [sys.executable, *(TORCHRUN if by == "torchrun" else []), script, *overrides]
        with (tmp_path / "said.txt").open("a") as said:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | environment,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        processes.append(process)
        return process

    yield run
    for process in processes:
        for pid in [process.pid, *children(process.pid)]:
            if runs(pid):
                os.kill(pid, 9)


@pytest.fixture
def finish(start: Start, tmp_path: Path) -> Callable[..., None]:
    """Runs to a good end."""

    def run(*overrides: str, **options: str) -> None:
        code = start(*overrides, **options).wait(timeout=PATIENCE_S)
        assert code == 0, (tmp_path / "said.txt").read_text()[-4000:]

    return run


def logged_steps(folder: Path) -> list[int]:
    """Of the training losses in a run's log."""
    log = folder / "metrics.csv"
    if not log.is_file():
        return []
    with log.open(newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file) if row.get("train/loss")]


def wait_for_steps(process: subprocess.Popen, folder: Path, count: int) -> None:
    """Until a run has logged so many steps."""
    deadline = time.monotonic() + PATIENCE_S
    while len(logged_steps(folder)) < count and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.05)


def last(folder: Path) -> dict:
    """A run's last checkpoint."""
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


def wait_for_end(process: subprocess.Popen, pids: Iterable[int], seconds: float) -> None:
    """Until a run and its processes have ended."""
    deadline = time.monotonic() + seconds
    while process.poll() is None or any(runs(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def saved_steps(folder: Path) -> list[int]:
    """Of the last checkpoints, as their manifest has them."""
    manifest = json.loads((folder / "checkpoints" / "manifest.json").read_text())
    return [entry["step"] for entry in manifest["checkpoints"] if entry["name"] == "last.ckpt"]


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and _stat(int(folder.name))[1] == str(pid):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def ranks(process: subprocess.Popen, by: str) -> dict[int, int]:
    """The processes of a run by rank."""
    if by == "lightning":
        (second,) = (pid for pid in children(process.pid) if "train_ddp_process_1" in _command(pid))
        return {0: process.pid, 1: second}
    return {_rank(pid): pid for pid in children(process.pid)}


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie that nobody has waited for."""
    try:
        return _stat(pid)[0] != "Z"
    except OSError:
        return False


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def _rank(pid: int) -> int:
    variables = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return next(int(v.removeprefix("RANK=")) for v in variables if v.startswith("RANK="))
