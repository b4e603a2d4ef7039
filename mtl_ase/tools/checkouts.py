"""Training steps of several checkouts of this repository, timed alternately."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles
from typing import Any

from mtl_ase.base.errors import UserError
from mtl_ase.tools.benchmarks.interleaved import interleave

WORKER = Path(__file__).with_name("checkout_worker.py")
MARK = "checkout_worker:"


class Checkout:
    """A process that makes a step of a checkout whenever it is asked to.

    Args:
        folder: the checkout.
        overrides: of the config.
        stack: ends the process.
    """

    def __init__(self, folder: Path, overrides: Sequence[str], stack: ExitStack) -> None:
        process = subprocess.Popen(
            [sys.executable, "-P", str(WORKER), *overrides],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.folder, self.process = folder, stack.enter_context(process)
        self.precision = self._answer()

    def step(self, _: int = 0) -> None:
        """Make a step, and wait for it; `interleave` gives a number, which changes nothing."""
        assert self.process.stdin is not None
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            mark, _, answer = line.strip().partition(" ")
            if mark == MARK:
                return answer
        raise UserError(f"the steps of {self.folder} failed; its own message stands above.")


def compare_steps(folders: Sequence[Path], overrides: Sequence[str], rounds: int) -> dict[str, Any]:
    """Time steps of all checkouts, each in a process of its own, one after another.

    Returns:
        Precisions, median seconds, and the ratio of the first checkout's step to the last's.

    Raises:
        UserError: a folder is no checkout, its steps fail, or there is a single round.
    """
    if len({folder.name for folder in folders}) != len(folders) or len(folders) < 2:
        raise UserError("give two or more folders of different names.")
    for folder in folders:
        if not (folder / "mtl_ase").is_dir():
            raise UserError(f"{folder} is no checkout of this repository; name its root.")
    if rounds < 2:
        raise UserError(f"--rounds={rounds} leaves no quartiles; give 2 or more.")
    with ExitStack() as stack:
        checkouts = {folder.name: Checkout(folder, overrides, stack) for folder in folders}
        ways = {name: checkout.step for name, checkout in checkouts.items()}
        timings = interleave(ways, range(rounds))
    first, *_, last = timings.values()
    return {
        "overrides": list(overrides),
        "precision": {name: checkout.precision for name, checkout in checkouts.items()},
        "rounds": rounds,
        "seconds": {name: round(timing.median_s, 4) for name, timing in timings.items()},
        "quartiles of the ratio": [round(q, 3) for q in quantiles(first.ratios(last), n=4)],
        "ratio": round(first.over(last), 3),
    }
