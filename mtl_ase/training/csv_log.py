"""The CSV log of a run: one file, readable while the run goes on, continued by a resumed run."""

from __future__ import annotations

import csv
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

Row = dict[str, str]


class CSVLog(Logger):
    """Writes `metrics.csv`: one row a step, one column a metric, empty where nothing was measured.

    A resumed run continues the file: rows from its first step on are replaced.

    Args:
        folder: where `metrics.csv` lies; made on first use.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.path = Path(folder) / "metrics.csv"
        self.rows: list[Row] | None = None
        self.columns: list[str] = ["step"]

    @property
    def name(self) -> str:
        """Of the logger."""
        return "csv"

    @property
    def version(self) -> str:
        """There is one log a run."""
        return ""

    @property
    def experiment(self) -> Path:
        """The file."""
        return self.path

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *_: Any, **__: Any) -> None:
        """Nothing: the run folder holds `config.yaml`."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add values to the row of a step."""
        step = step or 0
        if self.rows is None:
            self.rows = self._kept(step)
        if not self.rows or self.rows[-1]["step"] != str(step):
            self.rows.append({"step": str(step)})
            self.save()
        self.rows[-1] |= {key: f"{value:.8g}" for key, value in metrics.items()}
        self.columns += [key for key in self.rows[-1] if key not in self.columns]

    @rank_zero_only
    def save(self) -> None:
        """Write the whole file, to a neighbour first so that readers never see half of it."""
        if self.rows is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".csv.part")
        with draft.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.columns, restval="")
            writer.writeheader()
            writer.writerows(self.rows)
        draft.replace(self.path)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left."""
        self.save()

    def _kept(self, first_step: int) -> list[Row]:
        if not self.path.is_file():
            return []
        with self.path.open(newline="") as file:
            reader = csv.DictReader(file)
            self.columns = list(reader.fieldnames or ["step"])
            rows = [{key: value for key, value in row.items() if value} for row in reader]
        return [row for row in rows if int(row["step"]) < first_step]
