"""The CSV log of a run: one file, readable while the run goes on, continued by a resumed run."""

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

Row = dict[str, str]


class CSVLog(Logger):
    """Writes `metrics.csv`: one row a step, one column a metric, empty where nothing was measured.

    A resumed run continues the file: rows from its first step on are replaced. Finished rows are
    only ever appended to; a new column writes the file anew.

    Args:
        folder: where `metrics.csv` lies; made on first use.

    Attributes:
        columns: of the file; empty before the first value.
        row: of the step at hand, which may still get values.
        end: where finished rows end, in bytes.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.path = Path(folder) / "metrics.csv"
        self.columns: list[str] = []
        self.row: Row = {}
        self.end = 0

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
        """Write the row at hand, in one go: a reader, or a kill, finds it whole or not at all."""
        if not self.row:
            return
        fresh = [key for key in self.row if key not in self.columns]
        if fresh:
            self._rewrite([*self.columns, *fresh], before=int(self.row["step"]))
            self.end = self.path.stat().st_size
        with self.path.open("r+b") as file:
            file.seek(self.end)
            file.write(_lines(self.columns, [self.row]))
            file.truncate()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left."""
        self.save()

    def _rewrite(self, columns: list[str], before: int) -> None:
        """Write the file anew: these columns and those it has, rows before a step."""
        rows: list[Row] = []
        if self.path.is_file():
            text = self.path.read_text(encoding="utf-8")
            whole = text[: text.rfind("\n") + 1]  # a loss of power may have cut the last row
            reader = csv.DictReader(whole.splitlines())
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
