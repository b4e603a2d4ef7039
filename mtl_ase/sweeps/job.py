"""A job of a sweep; its state is read from its run folder."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path

from mtl_ase.base.atomic_files import write_atomically
from mtl_ase.base.csv_rows import read_rows
from mtl_ase.base.run_files import RunFiles

KEPT_LINES = 20
ERROR_PREFIX = "error: "
"""How the message of a `UserError` begins on stderr."""


@dataclass(frozen=True)
class Job:
    """One combination of a sweep's values.

    Attributes:
        overrides: the job's overrides, including those that all jobs share.
        folder: the job's run folder.
    """

    overrides: tuple[str, ...]
    folder: Path

    @property
    def files(self) -> RunFiles:
        """The paths of the job's files."""
        return RunFiles(self.folder)

    @property
    def is_done(self) -> bool:
        """Whether the training has finished."""
        return self.files.done.exists()

    @property
    def failure(self) -> str | None:
        """The error in one line, e.g. "ValueError: ... (exit code 1)"; None if it did not fail."""
        try:
            ending, *lines = self.files.failed.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        errors = [line for line in lines if line.startswith(ERROR_PREFIX)]
        last = (errors or lines or [""])[-1].removeprefix(ERROR_PREFIX)
        return f"{last} ({ending})" if last else ending

    @property
    def status(self) -> str:
        """Either "done", "failed" or "missing" (not finished yet)."""
        if self.is_done:
            return "done"
        return "missing" if self.failure is None else "failed"

    def mark_failed(self, exit_code: int, stderr: str) -> None:
        """Write the FAILED file, which begins with how the process ended.

        Args:
            exit_code: of the process: 128 + the signal number after a signal.
            stderr: its output on stderr, of which the last 20 lines are kept.
        """
        lines = [line.rstrip() for line in stderr.splitlines() if line.strip()]
        text = "\n".join([_ending(exit_code), *lines[-KEPT_LINES:]]) + "\n"
        write_atomically(self.files.failed, text.encode())

    def clear_failure(self) -> None:
        """Delete the FAILED file before the job is started again."""
        self.files.failed.unlink(missing_ok=True)

    def metrics(self) -> dict[str, float | None]:
        """The scores of the final validation by key; empty if the job has not finished."""
        path = self.files.metrics
        if not self.is_done or not path.is_file():
            return {}
        content: dict[str, float | None] = json.loads(path.read_text(encoding="utf-8"))
        return content

    def last_step(self) -> int:
        """The last optimiser step in its log, counted from 0; -1 if nothing was logged."""
        return max((int(row["step"]) for row in read_rows(self.files.log)), default=-1)


def _ending(code: int) -> str:
    if code == 0:
        return "exit code 0, but no DONE"
    if code == 128 + signal.SIGKILL:
        return "killed by SIGKILL"
    return f"exit code {code}"
