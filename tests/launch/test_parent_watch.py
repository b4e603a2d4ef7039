"""Processes whose parent has been killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHILD = """
import os, signal, sys, time
from pathlib import Path
from mtl_ase.launch.parent_watch import end_with_parent
place = Path(sys.argv[1])
def stop(number, _):
    place.write_text("SIGTERM")
    if sys.argv[2] == "obeys":
        sys.exit(143)
signal.signal(signal.SIGTERM, stop)
end_with_parent(os.getppid(), grace_s=1.0)
place.write_text(str(os.getpid()))
while True:
    time.sleep(0.1)
"""
PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", *sys.argv[1:]])
time.sleep(600)
"""


@pytest.mark.parametrize("kind", ["obeys", "hangs"])
def test_a_child_ends_with_its_parent(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "child"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, CHILD, str(place), kind])
    child = int(_wait_for(place))
    assert _runs(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 60
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)
    assert place.read_text() == "SIGTERM"


def _wait_for(place: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if place.is_file() and place.read_text():
            return place.read_text()
        time.sleep(0.05)
    raise AssertionError("the child did not start")


def _runs(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
