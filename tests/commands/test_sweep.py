"""Sweeps of the real training, and what is left when they are killed."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mtl_ase.commands.evaluation_arguments import read_arguments, runs_in
from tests.conftest import ROOT, Run

DEADLINE_S = 1800
SMALL = ["experiment=ase", "report.num_sheets=0", "callbacks.router=null"]
SHORT = ["tasks=[semseg,edge]", "trainer.max_epochs=3"]
NUM_STEPS = 18


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def events(sweep: Path) -> list[tuple[str, str]]:
    """What happened to which job."""
    log = sweep / "jobs.log"
    lines = log.read_text().splitlines() if log.is_file() else []
    return [(line.split()[1], line.split()[2]) for line in lines]


def count(sweep: Path, event: str) -> Counter[str]:
    return Counter(name for happened, name in events(sweep) if happened == event)


def is_running(folder: Path) -> bool:
    """Whether a process works on a run folder, by its command line."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().split(b"\0")
        except OSError:
            continue
        if f"run_dir='{folder}'".encode() in words:
            return True
    return False


def summary(sweep: Path) -> list[dict[str, str]]:
    with (sweep / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def logged_steps(run: Path) -> list[int]:
    with (run / "metrics.csv").open(newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file) if row.get("train/loss")]


def kill_in_job(command: list[str], sweep: Path, num_done: int) -> tuple[str, bool]:
    """Run until so many jobs are done and one more trains, then kill the sweep's process.

    Returns:
        The job that was under way, and whether it came to its end all the same.
    """
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        until(lambda: count(sweep, "done").total() >= num_done and events(sweep)[-1][0] == "start")
        job = sweep / events(sweep)[-1][1]
        until(lambda: (job / "metrics.csv").is_file())
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    until(lambda: not is_running(job))
    return job.name, (job / "DONE").exists()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_sweep_that_is_killed_twice_does_every_job_once(
    script: Run, tiny: list[str], tmp_path: Path
) -> None:
    sweep = tmp_path / "sweep"
    grid = ["seed=0,1", "model.adapter.top_k=1,2,3,4,5,40"]
    arguments = ["-m", *tiny, *SMALL, *grid, *SHORT, f"run_dir={sweep}"]
    command = [sys.executable, "train.py", *arguments]
    killed = dict(kill_in_job(command, sweep, number) for number in (2, 6))
    assert len(killed) == 2
    done = script("train.py", *arguments, timeout=3000)
    assert done.returncode == 1, done.stderr

    runs = {run.name: run for run in sweep.iterdir() if run.is_dir()}
    good = {name for name, run in runs.items() if (run / "DONE").exists()}
    bad = runs.keys() - good
    assert (len(good), len(bad)) == (10, 2)
    finished = count(sweep, "done") + Counter(name for name, alone in killed.items() if alone)
    assert finished == dict.fromkeys(good, 1)
    starts = count(sweep, "start")
    again = Counter(name for name, alone in killed.items() if not alone)
    assert {name: starts[name] for name in good} == {name: 1 + again[name] for name in good}
    for name in good:
        assert logged_steps(runs[name]) == list(range(NUM_STEPS))

    failures = [line for line in done.stdout.splitlines() if line.startswith("failed: ")]
    assert len(failures) == 2
    for name in bad:
        assert any(name in line and "top_k=40" in line for line in failures)
    rows = summary(sweep)
    assert len(rows) == 12
    assert {row["folder"] for row in rows if row["status"] == "failed"} == bad

    before = len(events(sweep))
    assert script("train.py", *arguments).returncode == 1
    assert sorted(events(sweep)[before:]) == sorted(
        (event, name) for name in bad for event in ("start", "failed")
    )
    assert Counter(row["status"] for row in summary(sweep)) == {"done before": 10, "failed": 2}


@pytest.mark.slow
def test_a_tied_sweep_leaves_runs_and_a_summary(
    script: Run, tiny: list[str], tmp_path: Path
) -> None:
    tied = ["model.adapter.granularity=1,2", "trainer.max_steps=2", *SMALL]
    done = script("train.py", "-m", *tiny, *tied, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    sweep = tmp_path / "runs" / "ase" / "sweep"
    rows = summary(sweep)
    assert [row["model.adapter.granularity"] for row in rows] == ["1", "2"]
    assert {row["status"] for row in rows} == {"done"}
    assert all(float(row["semseg/miou"]) >= 0 for row in rows)
    runs = read_arguments([f"run={sweep}"]).runs
    assert sorted(run.name for run in runs) == sorted(row["folder"] for row in rows)
    for run in runs:
        assert OmegaConf.load(run / "config.yaml").run_dir == str(run)


@pytest.mark.slow
def test_wrong_use_of_a_sweep_starts_no_job(script: Run, tmp_path: Path) -> None:
    done = script("train.py", "-m", "seed=0,1", "model.adapter.rankk=1,2", f"run_dir={tmp_path}")
    assert done.returncode == 2
    assert "did you mean model.adapter.rank?" in done.stderr
    assert not (tmp_path / "jobs.log").exists()


QUICK = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from mtl_ase.config import run_main
def command(config):
    (Path(config.run_dir) / "DONE").touch()
if __name__ == "__main__":
    run_main(command, "train")
"""


@pytest.mark.slow
def test_jobs_run_side_by_side_with_joblib(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    (tmp_path / "quick.py").write_text(QUICK)
    sweep = ["-m", "experiment=ase,lora_moe", "run_dir='a sweep'"]
    launcher = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    command = [sys.executable, "quick.py", *sweep, *launcher]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = summary(tmp_path / "a sweep")
    assert [(row["experiment"], row["status"]) for row in rows] == [
        ("ase", "done"),
        ("lora_moe", "done"),
    ]
    assert set(count(tmp_path / "a sweep", "done").values()) == {1}


@pytest.mark.slow
def test_jobs_on_two_devices_have_one_folder_each(
    script: Run, tiny: list[str], tmp_path: Path
) -> None:
    devices = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    single = [item for item in tiny if item != "trainer=cpu"]
    options = ["trainer.sync_batchnorm=false", "trainer.max_steps=2", "seed=0,1", *SMALL]
    done = script("train.py", "-m", *single, *devices, *options, cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.glob("runs/*/*")] == ["sweep"]
    sweep = tmp_path / "runs" / "ase" / "sweep"
    assert sorted(run.name for run in sweep.iterdir() if run.is_dir()) == sorted(
        row["folder"] for row in summary(sweep)
    )
    for run in runs_in(sweep):
        assert (run / "DONE").exists()
        assert logged_steps(run) == [0, 1]
