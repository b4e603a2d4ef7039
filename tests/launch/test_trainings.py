"""Trainings as child processes: exit codes, signals, inherited file descriptors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_ase.base.errors import UserError
from mtl_ase.base.folder_lock import folder_lock
from mtl_ase.launch import trainings
from mtl_ase.launch.child_training import quoted
from mtl_ase.launch.trainings import Trainings

SCRIPT = """
import os, signal, sys, time
behaviour = sys.argv[1]
slot = os.environ.get("SLOT", "")
print(sys.argv[2:], os.environ["MTL_ASE_PARENT"] == str(os.getppid()), slot)
print("last line", file=sys.stderr)
if behaviour == "waits":
    def stop(number, _):
        sys.exit(128 + number)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print("ready")
    time.sleep(600)
if behaviour == "holds":
    held = bytearray(100 * 2**20)
    time.sleep(1.5)
    behaviour = "0"
if behaviour == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(int(behaviour))
"""
HOLDER = """
import subprocess, sys
from pathlib import Path
from mtl_ase.base.folder_lock import folder_lock
with folder_lock(Path(sys.argv[1]), "folder") as lock:
    child = subprocess.Popen([sys.executable, "-c", "input()"], pass_fds=[lock])
    print("locked", flush=True)
    child.wait()
"""


@pytest.fixture(autouse=True)
def _script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    monkeypatch.setattr(trainings, "TRAINING", [str(tmp_path / "train.py")])


def run(folder: Path, behaviour: str) -> int:
    with folder_lock(folder, "folder") as lock, Trainings(lock) as train:
        return train(folder / "trial", [behaviour])


@pytest.mark.parametrize(("behaviour", "code"), [("0", 0), ("2", 2), ("143", 143), ("dies", 137)])
def test_exit_codes(tmp_path: Path, behaviour: str, code: int) -> None:
    assert run(tmp_path / "a folder, 'odd'=1", behaviour) == code
    log = (tmp_path / "a folder, 'odd'=1" / "trial" / "output.log").read_text()
    assert "'resume=auto'] True" in log
    assert log.endswith("last line\n")


def test_the_log_is_appended_to(tmp_path: Path) -> None:
    for _ in range(2):
        run(tmp_path, "1")
    assert (tmp_path / "trial" / "output.log").read_text().count("last line") == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_forwarded(tmp_path: Path, number: int) -> None:
    log = tmp_path / "trial" / "output.log"

    def send() -> None:
        while not (log.is_file() and "ready" in log.read_text()):
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with folder_lock(tmp_path, "folder") as lock, Trainings(lock) as train:
        thread = threading.Thread(target=send)
        thread.start()
        assert train(tmp_path / "trial", ["waits"]) == 128 + number
        assert train(tmp_path / "other", ["0"]) == 128 + number, "nothing is started any more"
        thread.join()
    assert not (tmp_path / "other").exists()
    assert signal.getsignal(number) is before


def test_several_run_at_once_each_with_an_environment_of_its_own(tmp_path: Path) -> None:
    folders = [tmp_path / f"trial {number}" for number in range(5)]
    wanted = [(folder, [code]) for folder, code in zip(folders, "01234", strict=True)]
    environments = [{"SLOT": "a"}, {"SLOT": "b"}]
    most, seen = 0, {}
    with folder_lock(tmp_path, "folder") as lock, Trainings(lock) as train:
        for training in train.run_all(wanted, environments):
            most = max(most, 1 + len(train.running))
            seen[training.run] = (training.exit_code, training.environment)
            assert training.seconds > 0
    assert most <= 2
    assert [seen[folder][0] for folder in folders] == [0, 1, 2, 3, 4]
    assert all(environment in environments for _, environment in seen.values())
    said = {(folder / "output.log").read_text().splitlines()[0].split()[-1] for folder in folders}
    assert said == {"a", "b"}


def test_a_signal_reaches_all_that_are_running(tmp_path: Path) -> None:
    logs = [tmp_path / name / "output.log" for name in ("one", "two")]

    def send() -> None:
        while not all(log.is_file() and "ready" in log.read_text() for log in logs):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    wanted = [(tmp_path / name, ["waits"]) for name in ("one", "two", "three")]
    with folder_lock(tmp_path, "folder") as lock, Trainings(lock) as train:
        thread = threading.Thread(target=send)
        thread.start()
        codes = [training.exit_code for training in train.run_all(wanted, [{}, {}])]
        thread.join()
    assert codes == [143, 143]
    assert not (tmp_path / "three").exists()


def test_a_folder_stays_locked_until_the_training_ends(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == b"locked\n"
    holder.kill()
    holder.wait()
    with (
        pytest.raises(UserError, match="is in use by process"),
        folder_lock(tmp_path, "folder", 0.1),
    ):
        pass
    holder.stdin.close()  # the child ends
    holder.stdout.close()
    with folder_lock(tmp_path, "folder"):
        pass


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match="can't be written to"),
        folder_lock(tmp_path / "file" / "in", "folder"),
    ):
        pass


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1))
def test_any_path_can_be_quoted(name: str) -> None:
    path = Path(name)
    read = OverridesParser.create().parse_override(f"run_dir={quoted(path)}").value()
    assert read == str(path)


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux's /proc")
def test_the_most_memory_of_a_training_is_known(tmp_path: Path) -> None:
    """Of its own process, not of the one that started it."""
    with folder_lock(tmp_path, "folder") as lock, Trainings(lock) as train:
        train(tmp_path / "trial", ["holds"])
        assert 100 < train.megabytes < 200
        train(tmp_path / "trial", ["0"])
        assert train.megabytes < 100
