"""The soak test: measures memory and open files of a long training from outside (Linux)."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from mtl_ase.base.run_files import RunFiles
from mtl_ase.machine.process_memory import megabytes_of
from mtl_ase.tools.small_training import SMALL, finish, start

PERIOD_S = 0.25
WARMUP = 0.25
"""Share of the steps that is left out, since caches may still fill."""


class Measurement(NamedTuple):
    """Memory and open files of a process at one time."""

    step: int  #: last logged step
    megabytes: float  #: anonymous resident memory
    files: int  #: open file descriptors


def soak(folder: Path, steps: int = 2000) -> dict[str, Any]:
    """Train for many steps, validations and checkpoints included.

    Args:
        folder: folder of the run and the data.
        steps: number of optimiser steps.

    Returns:
        Figures over the last three quarters of the steps: number of measurements ("looks"), slope
        of the memory in MB per 100 steps, memory at begin and end, and the usual (median) and the
        largest number of open files in the first and the second half. A file that stays open raises
        the usual number; the largest is that of a validation, if a look happens to fall into one.

    Raises:
        UserError: the training fails by itself.
    """
    run = folder / "run"
    options = [f"data.root={folder / 'scenes'}", f"run_dir={run}", f"trainer.max_steps={steps}"]
    options += ["trainer.max_epochs=-1", "callbacks.last.every_n_steps=50"]
    process = start(["train.py", *SMALL, *options])
    measurements = list(_measure(process, RunFiles(run)))
    finish(process)
    warm = [each for each in measurements if each.step >= WARMUP * steps]
    early, late = warm[: len(warm) // 2], warm[len(warm) // 2 :]
    slope = np.polyfit([each.step for each in warm], [each.megabytes for each in warm], 1)[0]
    return {
        "steps": steps,
        "looks": len(warm),
        "megabytes_per_100_steps": round(100 * float(slope), 4),
        "megabytes": [round(warm[0].megabytes, 1), round(warm[-1].megabytes, 1)],
        "open_files": [median(each.files for each in half) for half in (early, late)],
        "most_open_files": [max(each.files for each in half) for half in (early, late)],
    }


def _measure(process: subprocess.Popen[bytes], run: RunFiles) -> Iterator[Measurement]:
    """Measure a process until its last step is logged; the final validation is left out."""
    step, proc = -1, Path(f"/proc/{process.pid}")
    while process.poll() is None and not run.metrics.is_file():
        time.sleep(PERIOD_S)
        step = max(step, _last_step(run.log))
        try:
            files = len(list((proc / "fd").iterdir()))
            yield Measurement(step, megabytes_of(process.pid, "RssAnon"), files)
        except FileNotFoundError:  # a file was closed, or the process ended, in between
            continue


def _last_step(log: Path) -> int:
    rows = log.read_text().splitlines()[1:] if log.is_file() else []
    return int(rows[-1].split(",", 1)[0]) if rows and rows[-1].split(",", 1)[0].isdigit() else -1
