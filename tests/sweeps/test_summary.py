"""The summary of a sweep, read from run folders, and the exit code of the sweep."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from omegaconf import DictConfig
from rich.console import Console

from mtl_ase.sweeps import Job, SweepReport, job_folder
from mtl_ase.sweeps.report import refuse_torchrun
from mtl_ase.sweeps.summary import print_summary, summarise, write_summary

CONFIG = "tasks: {edge: {headline: odsf}, normals: {headline: merr}}"
METRICS = {"edge/odsf": 61.234567, "edge/bce": 0.5, "normals/merr": None, "delta_m": -1.5}


def job(place: Path, *overrides: str, metrics: dict | None = None) -> Job:
    """A job with a run folder; it is done if metrics are given."""
    made = Job(overrides, place / job_folder(overrides))
    made.folder.mkdir(parents=True)
    if metrics is not None:
        (made.folder / "config.yaml").write_text(CONFIG)
        (made.folder / "metrics.json").write_text(json.dumps(metrics))
        (made.folder / "DONE").touch()
    return made


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    """One job each that is done, done before, failed, missing."""
    shared = ("experiment=ase", "run_dir=a")
    failed = job(tmp_path, *shared, "model.adapter.rank=1", "seed=0")
    failed.mark_failed(2, "warning: some\n\nerror: rank [1] is wrong; choose 2.\nlast\n")
    return [
        job(tmp_path, *shared, "model.adapter.rank=4", "seed=0", metrics=METRICS),
        job(tmp_path, *shared, "model.adapter.rank=4", "seed=1", metrics=METRICS),
        failed,
        job(tmp_path, *shared, "model.adapter.rank=1", "seed=1"),
    ]


def test_every_job_has_a_row_with_the_swept_values(jobs: list[Job]) -> None:
    rows = summarise(jobs, done_before={jobs[1].folder, jobs[2].folder})
    assert [row.status for row in rows] == ["done", "done before", "failed", "missing"]
    assert rows[0].swept == {"model.adapter.rank": "4", "seed": "0"}
    assert rows[0].metrics == {"edge/odsf": 61.234567, "normals/merr": None, "delta_m": -1.5}
    assert rows[2].metrics == rows[3].metrics == {}


def test_the_table_and_the_failures_are_printed(jobs: list[Job]) -> None:
    console = Console(file=io.StringIO(), width=100)
    print_summary(summarise(jobs), console)
    table, _, last = console.file.getvalue().strip().rpartition("\n")
    assert "61.23" in table
    assert "experiment" not in table
    assert last == f"failed: {jobs[2].folder}: rank [1] is wrong; choose 2. (exit code 2)"


def test_the_csv_file_holds_the_same(jobs: list[Job], tmp_path: Path) -> None:
    write_summary(tmp_path / "summary.csv", summarise(jobs))
    with (tmp_path / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["done", "done", "failed", "missing"]
    assert rows[0] == {
        "model.adapter.rank": "4",
        "seed": "0",
        "status": "done",
        "edge/odsf": "61.2346",
        "normals/merr": "",
        "delta_m": "-1.5",
        "folder": jobs[0].folder.name,
        "failure": "",
    }
    assert rows[2]["failure"] == "rank [1] is wrong; choose 2. (exit code 2)"


def test_the_failure_is_the_last_line_of_stderr(tmp_path: Path) -> None:
    broken = job(tmp_path, "seed=0")
    assert broken.failure is None
    broken.mark_failed(1, "Traceback\n" * 40 + "RuntimeError: a bug\n")
    assert broken.failure == "RuntimeError: a bug (exit code 1)"
    broken.mark_failed(137, "")
    assert broken.failure == "killed by SIGKILL"
    broken.clear_failure()
    assert broken.status == "missing"


def test_a_sweep_ends_with_1_unless_all_is_done(
    jobs: list[Job], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = SweepReport()
    report.jobs = jobs
    with pytest.raises(SystemExit) as caught:
        report.on_multirun_end(DictConfig({}))
    assert caught.value.code == 1
    report.jobs = jobs[:2]
    report.on_multirun_end(DictConfig({}))
    *_, summary, page = capsys.readouterr().out.splitlines()
    assert str(tmp_path / "summary.csv") in summary
    assert page.endswith(f"scripts/report.py run={tmp_path}")


def test_a_summary_that_fails_is_no_success(jobs: list[Job], tmp_path: Path) -> None:
    report = SweepReport()
    report.jobs = jobs[:1]
    (jobs[0].folder / "metrics.json").write_text("{")
    with pytest.raises(SystemExit) as caught:
        report.on_multirun_end(DictConfig({}))
    assert caught.value.code == 1


@pytest.mark.parametrize("variables", [{"WORLD_SIZE": "2"}, {"TORCHELASTIC_RUN_ID": "none"}])
def test_torchrun_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variables: dict[str, str]
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    refuse_torchrun()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        SweepReport().on_multirun_start(DictConfig({}))
    assert caught.value.code == 2
    assert "python train.py -m ... trainer=ddp" in capsys.readouterr().err
