"""A trial of a search, and what its training left."""

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
    """One training with its own values.

    Attributes:
        number: from 0 on.
        values: what it tries, by key, as in an override.
        result: of the metric, or None while it is not known.
        failure: why there is no result, or None.
        finished: whether it has a result or failed.
    """

    number: int
    values: Mapping[str, str]
    result: float | None = None
    failure: str | None = None
    finished: bool = False

    @property
    def name(self) -> str:
        """Of its run folder."""
        return f"trial_{self.number:04d}"

    @property
    def overrides(self) -> list[str]:
        """Its values for train.py."""
        return [f"{key}={value}" for key, value in self.values.items()]


def read_result(run: Path, metric: str) -> float | None:
    """The metric of a finished run; None where it is not known."""
    if metric == "val/loss":
        value = _last_logged(RunFiles(run).log, metric)
    else:
        value = json.loads(RunFiles(run).metrics.read_text())[metric]
    return value if value is not None and math.isfinite(value) else None


def last_words(log: Path) -> str:
    """The last line of a log that is not empty."""
    lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _last_logged(log: Path, key: str) -> float | None:
    with log.open(newline="") as file:
        logged = [row[key] for row in csv.DictReader(file) if row.get(key)]
    return float(logged[-1]) if logged else None
