"""The CSV logger: one file per run, readable during training, continued by a resumed run."""

from __future__ import annotations

import csv
import io
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from mtl_ase.base.atomic_files import write_atomically
from mtl_ase.base.run_files import RunFiles
from mtl_ase.training.log_files import explained

Row = dict[str, str]


class CSVLog(Logger):
    """Writes `metrics.csv`: one row per step, one column per metric; unmeasured cells are empty.

    A resumed run replaces the rows from its first step on. Rows are appended to the file; only a
    new column rewrites it.

    Args:
        folder: the run folder; created when the first value is logged.

    Attributes:
        columns: columns of the file; empty before the first value.
        row: row of the current step, to which values may still be added.
        end: size in bytes of the file up to the current row.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.path = RunFiles(Path(folder)).log
        self.columns: list[str] = []
        self.row: Row = {}
        self.end = 0

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "csv"

    @property
    def version(self) -> str:
        """Empty: a run folder has one log."""
        return ""

    @property
    def experiment(self) -> Path:
        """Path of the file."""
        return self.path

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *_: Any, **__: Any) -> None:
        """Do nothing: hyper-parameters are in the run folder's `config.yaml`."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add values to the row of a step."""
        step = step or 0
        with explained(self.path):
            if not self.columns:
                self._rewrite(["step"], before=step)
            if self.row.get("step") != str(step):
                self.save()
                self.row, self.end = {"step": str(step)}, self.path.stat().st_size
        self.row |= {key: f"{value:.8g}" for key, value in metrics.items()}

    @rank_zero_only
    def cut(self, step: int) -> None:
        """Drop what an earlier start of the run logged from this step on."""
        if self.path.is_file():
            self._rewrite(["step"], before=step)

    @rank_zero_only
    def save(self) -> None:
        """Write the current row by one system call, so that readers never see a part of it."""
        if not self.row:
            return
        new_keys = [key for key in self.row if key not in self.columns]
        with explained(self.path):
            if new_keys:
                self.path.stat()  # a file that somebody removed is not begun anew, rows missing
                self._rewrite([*self.columns, *new_keys], before=int(self.row["step"]))
                self.end = self.path.stat().st_size
            self._write_row()

    def _write_row(self) -> None:
        with self.path.open("r+b") as file:
            file.seek(self.end)
            file.write(_lines(self.columns, [self.row]))
            file.truncate()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write the last row."""
        self.save()

    def _rewrite(self, columns: list[str], before: int) -> None:
        """Rewrite the file with additional columns, keeping only the rows before a step."""
        rows: list[Row] = []
        if self.path.is_file():
            text = self.path.read_text(encoding="utf-8")
            complete = text[: text.rfind("\n") + 1]  # a power failure may truncate the last row
            reader = csv.DictReader(complete.splitlines())
            rows = [row for row in reader if int(row["step"]) < before]
            columns = list(dict.fromkeys([*(reader.fieldnames or []), *columns]))
        self.columns = columns
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(
            self.path, _lines(columns, [dict(zip(columns, columns, strict=True)), *rows])
        )


def _lines(columns: list[str], rows: list[Row]) -> bytes:
    text = io.StringIO()
    csv.DictWriter(text, columns, restval="", lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
