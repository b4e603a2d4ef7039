"""A CSV log with rows of single steps, which goes on where a checkpoint was written."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from mtl_ase.base.atomic_files import write_atomically
from mtl_ase.training.log_files import explained


class StepRows:
    """A CSV file whose first column is the optimiser step.

    Args:
        path: the file, made with the first rows.
        columns: names of the columns.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.columns = path, columns

    def append(self, rows: Iterable[Sequence[object]]) -> None:
        """Add rows at the end.

        Raises:
            UserError: the file can't be written.
        """
        new = not self.path.exists()
        with explained(self.path), self.path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")  # `drop_after` reads and keeps lines
            if new:
                writer.writerow(self.columns)
            writer.writerows(rows)

    def drop_after(self, step: int) -> None:
        """Drop the rows of later steps, and a last row that a kill has truncated."""
        if not self.path.is_file():
            return
        head, *rows = self.path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
        complete = [row for row in rows if row.endswith("\n")]
        kept = [row for row in complete if int(row.split(",", 1)[0]) <= step]
        if kept:
            write_atomically(self.path, "".join([head, *kept]).encode())
        else:
            self.path.unlink()
