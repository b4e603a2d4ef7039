"""A job as a child process: its arguments and its end. Short scripts stand in for train.py."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import read_write

from mtl_ase.config import CONFIGS
from mtl_ase.sweeps import Job, run_in_process
from tests.conftest import Compose

OVERRIDES = ["seed=3", "tasks=[semseg,edge]", "run_dir=elsewhere"]
DUMPS_ARGUMENTS = (
    "import json, os, pathlib, sys\n"
    "folder = pathlib.Path(__file__).parent\n"
    "given = {'argv': sys.argv[1:], 'parent': os.environ['MTL_ASE_PARENT']}\n"
    "(folder / 'given.json').write_text(json.dumps(given))\n"
)
Start = Callable[[str], Job]


@pytest.fixture
def start(composed: Compose, tmp_path: Path) -> Start:
    """Runs a script as the job of a sweep whose folder has an odd name."""
    composed(*OVERRIDES)
    folder = tmp_path / "it's a, sweep=1" / "job-12345678"
    folder.mkdir(parents=True)
    config = HydraConfig.instance().cfg
    with read_write(config.hydra):
        config.hydra.runtime.output_dir = str(folder)
        config.hydra.job.num = 0

    def run(text: str) -> Job:
        script = tmp_path / "script.py"
        script.write_text(text.replace("FOLDER", repr(str(folder))))
        run_in_process([str(script)], os.getpid())
        return Job(tuple(OVERRIDES), folder)

    return run


def events(job: Job) -> list[str]:
    lines = (job.folder.parent / "jobs.log").read_text().splitlines()
    assert all(line.endswith(f" {job.folder.name}") for line in lines)
    return [line.split()[1] for line in lines]


DONE = "import pathlib\npathlib.Path(FOLDER, 'DONE').touch()\n"


def test_the_process_gets_the_overrides_and_its_own_folder(start: Start, tmp_path: Path) -> None:
    job = start(DUMPS_ARGUMENTS + DONE)
    given = json.loads((tmp_path / "given.json").read_text())
    assert given["parent"] == str(os.getpid())
    options = [word for word in given["argv"] if word.startswith("--")]
    assert options == ["--config-name=train", f"--config-path={CONFIGS}"]
    words = [word for word in given["argv"] if word not in options]
    parsed = OverridesParser.create().parse_overrides(words)
    assert {item.key_or_group: item.value() for item in parsed} == {
        "seed": 3,
        "tasks": ["semseg", "edge"],
        "resume": "auto",
        "run_dir": str(job.folder),
        "hydra.mode": "RUN",
    }


def test_a_job_that_is_done_is_not_started_again(start: Start) -> None:
    job = start(DONE)
    assert job.status == "done"
    assert start("raise SystemExit(1)").status == "done"
    assert events(job) == ["start", "done"]


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ("import sys\nsys.exit('error: it is wrong.')", "it is wrong. (exit code 1)"),
        ("raise ValueError('a bug')", "ValueError: a bug (exit code 1)"),
        ("import os\nos.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("raise SystemExit(2)", "exit code 2"),
        ("pass", "exit code 0, but no DONE"),
    ],
)
def test_a_failed_job_is_recorded_and_started_again(
    start: Start, capfd: pytest.CaptureFixture[str], script: str, failure: str
) -> None:
    job = start(script)
    assert job.status == "failed"
    assert job.failure == failure
    assert failure.rpartition(" (")[0] in capfd.readouterr().err
    assert start(DONE).failure is None
    assert events(job) == ["start", "failed", "start", "done"]


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("raise SystemExit(143)", 143),
        ("raise SystemExit(130)", 130),
        ("import os\nos.kill(os.getpid(), 15)", 143),
    ],
)
def test_a_job_that_a_signal_stopped_stops_the_sweep(
    start: Start, capfd: pytest.CaptureFixture[str], script: str, code: int
) -> None:
    with pytest.raises(SystemExit) as caught:
        start(script)
    assert caught.value.code == code
    assert "run the same command again" in capfd.readouterr().err
    job = start(DONE)
    assert job.status == "done"
    assert events(job) == ["start", "stopped", "start", "done"]


def test_the_last_20_lines_of_stderr_are_kept(start: Start) -> None:
    job = start("import sys\nfor n in range(9999):\n    print(n, file=sys.stderr)\nsys.exit(1)")
    lines = (job.folder / "FAILED").read_text().splitlines()
    assert lines == ["exit code 1", *map(str, range(9979, 9999))]
