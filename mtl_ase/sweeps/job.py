"""A job of a sweep and what its folder says about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mtl_ase.base.atomic_files import write_atomically

SHOWN_LINES = 20
WRONG_USE = "error: "


@dataclass(frozen=True)
class Job:
    """One combination of a sweep's values.

    Attributes:
        overrides: of the command line, those that the jobs share too.
        folder: its own.
    """

    overrides: tuple[str, ...]
    folder: Path

    @property
    def is_done(self) -> bool:
        """Whether it ran to its end."""
        return (self.folder / "DONE").exists()

    @property
    def failure(self) -> str | None:
        """Why it failed, in a line, or None if it did not."""
        try:
            ending, *said = (self.folder / "FAILED").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        sentences = [line for line in said if line.startswith(WRONG_USE)]
        last = (sentences or said or [""])[-1].removeprefix(WRONG_USE)
        return f"{last} ({ending})" if last else ending

    @property
    def status(self) -> str:
        """One word."""
        if self.is_done:
            return "done"
        return "missing" if self.failure is None else "failed"

    def fail(self, ending: str, said: str) -> None:
        """Note how it ended and what it said last."""
        lines = [line.rstrip() for line in said.splitlines() if line.strip()]
        text = "\n".join([ending, *lines[-SHOWN_LINES:]]) + "\n"
        write_atomically(self.folder / "FAILED", text.encode())

    def forget_failure(self) -> None:
        """It is tried again."""
        (self.folder / "FAILED").unlink(missing_ok=True)

    def metrics(self) -> dict[str, float | None]:
        """The final ones; none as long as there are none."""
        path = self.folder / "metrics.json"
        if not self.is_done or not path.is_file():
            return {}
        content: dict[str, float | None] = json.loads(path.read_text(encoding="utf-8"))
        return content
