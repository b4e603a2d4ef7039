"""Real trainings, in processes of their own, that are ended from outside and started again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.resume.runs import BATCH, LOGS, equal, read_checkpoints

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

PATIENCE_S = 180
EPOCHS = 5
STEPS = 5
"""Optimiser steps that the run with `max_steps` takes: to the middle of its third epoch."""
RAGGED = ["trainer.accumulate_grad_batches=4", "trainer.check_val_every_n_epoch=2"]
INSIDE = ["+trainer.limit_train_batches=5", "+trainer.val_check_interval=2"]


def start(overrides: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start, or go on with, a run in its folder."""
    command = [sys.executable, "train.py", *overrides, f"run_dir={folder}", "resume=auto"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)


def finish(overrides: list[str], folder: Path) -> None:
    assert start(overrides, folder).wait(timeout=PATIENCE_S) == 0


def wait_for_rows(process: subprocess.Popen[bytes], log: Path, count: int) -> None:
    """Until its log has so many more lines."""
    aim = count + (len(log.read_bytes().splitlines()) if log.is_file() else 1)
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        if log.is_file() and len(log.read_bytes().splitlines()) >= aim:
            return
        time.sleep(0.01)


@pytest.mark.parametrize(
    "options",
    [
        [*RAGGED, f"trainer.max_steps={STEPS}", "trainer.max_epochs=9", "callbacks=ema"],
        [*RAGGED, *INSIDE, f"trainer.max_epochs={EPOCHS}"],
    ],
    ids=["max_steps", "inside"],
)
def test_signals_and_kills_leave_no_trace(
    tiny: list[str], tmp_path: Path, options: list[str]
) -> None:
    """SIGTERM after a step, kill -9 after another, SIGTERM again, then to the end."""
    overrides = [*tiny, "experiment=ase_finegrained", "tasks=[semseg,saliency]", *options]
    overrides += [f"data.batch_size={BATCH}", "callbacks.last.every_n_steps=1"]
    finish(overrides, tmp_path / "calm")
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
        process = start(overrides, tmp_path / "run")
        wait_for_rows(process, tmp_path / "run" / "metrics.csv", 1)
        process.send_signal(number)
        code = process.wait(timeout=PATIENCE_S)
        assert code in (143, -signal.SIGKILL, 0)
    finish(overrides, tmp_path / "run")
    for name in LOGS:
        assert (tmp_path / "calm" / name).read_text() == (tmp_path / "run" / name).read_text()
    for a, b in read_checkpoints(tmp_path / "calm", tmp_path / "run"):
        equal(a, b)
