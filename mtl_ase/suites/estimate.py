"""What a suite is going to cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from mtl_ase.config import run_once
from mtl_ase.machine.precision import BF16, FP32
from mtl_ase.suites.result import Results
from mtl_ase.suites.suite import Setting
from mtl_ase.suites.suite_run import SuiteRun
from mtl_ase.tools.benchmarks.arithmetic import matrix_rate
from mtl_ase.tools.benchmarks.scaling import step_flops

REACHED = 0.4
"""Share of the rate of matrix products that a step reaches (docs/performance.md)."""


class Cost(NamedTuple):
    """Seconds of a run, alone on the machine.

    Attributes:
        seconds: of the whole run.
        measured: whether a finished run of the same row says so, or the arithmetic of a step does.
    """

    seconds: float
    measured: bool


class Estimate:
    """Estimates of runs: from results of the same row, or from counted arithmetic.

    Args:
        setting: of the suite.
        steps: of every run.
        tflops: the rate of matrix products, 10^12 FLOPs a second.
    """

    def __init__(self, setting: Setting, steps: int, tflops: float) -> None:
        self.setting, self.steps, self.tflops = setting, steps, tflops
        self._known: dict[str, Cost] = {}

    def learn(self, runs: Sequence[SuiteRun], results: Results) -> None:
        """Take over what finished runs took."""
        for run in runs:
            result = results.get(run)
            if result is not None and result.seconds is not None:
                self._known[run.row] = Cost(result.seconds, measured=True)

    def of(self, run: SuiteRun) -> Cost:
        """The cost of a run."""
        if run.row not in self._known:
            flops = run_once(step_flops, list(run.overrides))
            seconds = self.steps * flops / (REACHED * self.tflops * 1e12)
            self._known[run.row] = Cost(seconds + self.setting.overhead_s, measured=False)
        return self._known[run.row]


def rate_here() -> float:
    """This machine's rate of matrix products, 10^12 FLOPs a second: in bf16 on a GPU."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return matrix_rate(device, BF16 if device.type == "cuda" else FP32) / 1e12


def duration(seconds: float) -> str:
    """In words: "12 minutes", "3.5 hours"."""
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} minutes"
    return f"{seconds / 3600:.1f} hours"
