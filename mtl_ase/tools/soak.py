"""A long training, watched from outside: does its memory grow, does it keep files open?"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mtl_ase.tools.small_training import SMALL, finish, start

PERIOD_S = 0.25
WARM = 0.25
"""Share of the steps in which caches may still fill."""


class Look(NamedTuple):
    """What a look from outside sees."""

    step: int
    megabytes: float
    files: int


def soak(folder: Path, steps: int = 2000) -> dict[str, Any]:
    """Train for many steps, validations and checkpoints included.

    Args:
        folder: for the run and the data.
        steps: of the optimiser.

    Returns:
        Figures: the slope of the process's own memory in MB per 100 steps, after a quarter of the
        steps; memory then and at the end; the most files open in each half of what is left.

    Raises:
        UserError: the training fails by itself.
    """
    run = folder / "run"
    options = [f"data.root={folder / 'scenes'}", f"run_dir={run}", f"trainer.max_steps={steps}"]
    options += ["trainer.max_epochs=-1", "callbacks.last.every_n_steps=50"]
    process = start(["train.py", *SMALL, *options])
    looks = list(_looks(process, run / "metrics.csv"))
    finish(process)
    warm = [look for look in looks if look.step >= WARM * steps]
    early, late = warm[: len(warm) // 2], warm[len(warm) // 2 :]
    slope = np.polyfit([look.step for look in warm], [look.megabytes for look in warm], 1)[0]
    return {
        "steps": steps,
        "looks": len(warm),
        "megabytes_per_100_steps": round(100 * float(slope), 4),
        "megabytes": [round(warm[0].megabytes, 1), round(warm[-1].megabytes, 1)],
        "most_open_files": [max(look.files for look in half) for half in (early, late)],
    }


def _looks(process: subprocess.Popen[bytes], log: Path) -> Iterator[Look]:
    """Look at a process until its last step is logged; validations of the end are left out."""
    step, place = -1, Path(f"/proc/{process.pid}")
    while process.poll() is None and not (log.parent / "metrics.json").is_file():
        time.sleep(PERIOD_S)
        step = max(step, _last_step(log))
        try:
            files = len(list((place / "fd").iterdir()))
            yield Look(step, _anonymous_megabytes(place), files)
        except FileNotFoundError:  # a file was closed, or the process ended, while looking
            continue


def _last_step(log: Path) -> int:
    rows = log.read_text().splitlines()[1:] if log.is_file() else []
    return int(rows[-1].split(",", 1)[0]) if rows and rows[-1].split(",", 1)[0].isdigit() else -1


def _anonymous_megabytes(place: Path) -> float:
    """Memory of a process that no file backs."""
    for line in (place / "status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise FileNotFoundError(place)
