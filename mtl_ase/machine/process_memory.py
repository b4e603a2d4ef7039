"""Memory of a process, from outside (Linux)."""

from __future__ import annotations

from pathlib import Path


def megabytes_of(pid: int, what: str) -> float:
    """Memory of a process in MiB, from Linux's /proc.

    Args:
        pid: number of the process.
        what: a line of its status file: "VmHWM", the most that it held so far; "RssAnon", what it
            holds now and is not backed by files.

    Raises:
        FileNotFoundError: there is no such process, or it has ended.
    """
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise FileNotFoundError(f"/proc/{pid}/status has no {what}")
