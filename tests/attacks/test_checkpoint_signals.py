"""Attacks on real trainings: signals before the first step, and while the report is written."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from mtl_ase.base.installation import CHECKOUT
from mtl_ase.launch.child_training import shell_exit_code
from mtl_ase.tools.small_training import SMALL, finish, start


def _start(folder: Path, *more: str, code: str = "") -> subprocess.Popen[bytes]:
    """The small training of the tools, with something done before."""
    script = f"import runpy, sys\n{code}\nsys.argv = sys.argv[1:]\n"
    script += "runpy.run_path('train.py', run_name='__main__')"
    options = [*SMALL, f"data.root={folder / 'scenes'}", f"run_dir={folder / 'run'}"]
    options += ["trainer.max_epochs=1", "data.num_workers=0", *more]
    return start(["-c", script, "train.py", *options], {"PYTHONPATH": str(CHECKOUT)})


SLOW_REPORT = """
import time
import mtl_ase.commands.train
from pathlib import Path
train = sys.modules["mtl_ase.commands.train"]
written = train.write_sheets
def slowly(*arguments):
    Path(r'{mark}').touch()
    time.sleep(60)
    written(*arguments)
train.write_sheets = slowly
"""


def _wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 240
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert path.exists(), process.communicate()[1].decode()[-500:]


@pytest.mark.slow
def test_sigint_at_the_start_leaves_nothing_half_done(tmp_path: Path) -> None:
    """While it imports, and while it holds its folder already but has not begun."""
    process = _start(tmp_path)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert shell_exit_code(process.returncode) in (1, 130)
    process = _start(tmp_path)
    _wait_for(tmp_path / "run" / ".lock", process)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert shell_exit_code(process.returncode) in (1, 130)
    assert not (tmp_path / "run" / "DONE").exists()
    finish(_start(tmp_path))
    assert (tmp_path / "run" / "DONE").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_while_the_report_is_written_leaves_no_done(tmp_path: Path, name: str) -> None:
    """The same command goes on, and writes the report."""
    number = signal.Signals[name]
    mark = tmp_path / "report"
    process = _start(tmp_path, code=SLOW_REPORT.format(mark=mark))
    _wait_for(mark, process)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert shell_exit_code(process.returncode) == 128 + number
    run = tmp_path / "run"
    assert not (run / "DONE").exists()
    before = (run / "metrics.csv").read_bytes(), (run / "metrics.json").read_bytes()
    finish(_start(tmp_path))
    assert (run / "DONE").exists()
    assert ((run / "metrics.csv").read_bytes(), (run / "metrics.json").read_bytes()) == before
