"""Locks between two programs that use one folder."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.base.folder_lock import folder_lock

HOLD = """
import sys, time
from pathlib import Path
from mtl_ase.base.folder_lock import folder_lock
with folder_lock(Path(sys.argv[1]), "run_dir"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """A process that holds the lock on the folder."""
    command = [sys.executable, "-W", "ignore", "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_locked_folder_is_refused_until_the_holder_ends(tmp_path: Path, holder) -> None:
    with (
        pytest.raises(UserError, match=rf"^run_dir=.* is in use by process {holder.pid} on "),
        folder_lock(tmp_path, "run_dir", timeout_s=0.3),
    ):
        raise AssertionError("locked twice")
    holder.send_signal(signal.SIGKILL)
    for _ in range(2):
        with folder_lock(tmp_path, "run_dir"):
            assert (tmp_path / ".lock").is_file()


def test_a_file_system_without_locks_gives_a_warning(tmp_path: Path, monkeypatch) -> None:
    def without(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr("fcntl.flock", without)
    with pytest.warns(UserWarning, match="without locks"), folder_lock(tmp_path, "run_dir"):
        assert (tmp_path / ".lock").is_file()


def test_a_folder_that_can_not_be_made_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written to"), folder_lock(tmp_path / "file", "a"):
        raise AssertionError("a file was locked")
