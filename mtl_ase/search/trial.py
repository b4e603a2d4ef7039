"""A trial of a search, and reading its result from its run folder."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mtl_ase.base.run_files import RunFiles


@dataclass(frozen=True)
class Trial:
    """One training with proposed values.

    Attributes:
        number: number of the trial, from 0.
        values: the proposed values as override text, by config key.
        result: value of the metric; None if the trial failed or has not finished.
        failure: why the trial failed; None if it did not.
        finished: whether the trial has a result or failed.
    """

    number: int
    values: Mapping[str, str]
    result: float | None = None
    failure: str | None = None
    finished: bool = False

    @property
    def name(self) -> str:
        """Name of the run folder, e.g. "trial_0003"."""
        return f"trial_{self.number:04d}"

    @property
    def overrides(self) -> list[str]:
        """The proposed values as overrides of train.py."""
        return [f"{key}={value}" for key, value in self.values.items()]


def read_result(run: Path, metric: str) -> float | None:
    """The metric of a finished run, "val/loss" as logged last; None if null or not finite."""
    if metric == "val/loss":
        value = _last_logged(RunFiles(run).log, metric)
    else:
        value = json.loads(RunFiles(run).metrics.read_text())[metric]
    return value if value is not None and math.isfinite(value) else None


def last_line(log: Path) -> str:
    """The last non-empty line of a log, or "no output"."""
    lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")


def _last_logged(log: Path, key: str) -> float | None:
    with log.open(newline="") as file:
        logged = [row[key] for row in csv.DictReader(file) if row.get(key)]
    return float(logged[-1]) if logged else None
