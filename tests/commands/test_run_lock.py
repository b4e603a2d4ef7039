"""Two trainings in one run folder."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lightning.pytorch.utilities import rank_zero_only

from mtl_ase.commands.run_lock import run_lock
from mtl_ase.errors import UserError

HOLD = """
import sys, time
from pathlib import Path
from mtl_ase.commands.run_lock import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen:
    """A process that holds the folder."""
    command = [sys.executable, "-W", "ignore", "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_is_refused_until_the_first_is_gone(tmp_path: Path, holder) -> None:
    with (
        pytest.raises(UserError, match=rf"is being trained in by process {holder.pid} on "),
        run_lock(tmp_path, patience_s=0.3),
    ):
        raise AssertionError("held twice")
    holder.send_signal(signal.SIGKILL)
    for _ in range(2):
        with run_lock(tmp_path):
            assert (tmp_path / ".lock").is_file()


def test_other_ranks_do_not_hold_it(tmp_path: Path, holder, monkeypatch) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    with run_lock(tmp_path, patience_s=0.3):
        assert holder.poll() is None
