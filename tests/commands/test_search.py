"""Searching from the command line: refused arguments, and a real search that is killed."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.commands.search import check, search
from mtl_ase.config import exit_on_wrong_use
from mtl_ase.search.command_line import CommandLine, read_command_line
from tests.conftest import ROOT, Run

LR = "training.optimizer.lr=log(1e-4,1e-2)"


def given(metric: str, *overrides: str) -> CommandLine:
    return read_command_line(["folder=nowhere", "trials=1", f"metric={metric}", *overrides])


@pytest.mark.parametrize(
    ("metric", "direction"),
    [
        ("semseg/miou", "maximize"),
        ("normals/merr", "minimize"),
        ("edge/odsf", "maximize"),
        ("delta_m", "maximize"),
        ("val/loss", "minimize"),
    ],
)
def test_the_direction_follows_from_the_metric(metric: str, direction: str) -> None:
    assert check(given(metric, LR)) == direction
    other = "maximize" if direction == "minimize" else "minimize"
    assert check(given(metric, LR, f"direction={other}")) == other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("metric=semseg/iou", LR), "metric=semseg/iou is not measured; choose one of semseg/miou"),
        (("metric=edge/odsf", LR, "tasks=[semseg]"), "metric=edge/odsf is not measured"),
        (
            ("metric=delta_m", LR, "setting=scenes", "reference=paper_stl_resnet18"),
            "delta_m can't be computed: the reference is of",
        ),
        (("metric=val/loss", "training.optimizer.lrr=log(1,2)"), "did you mean"),
        (("metric=val/loss", "optimizer=choice(adamw,sgdd)"), "optimizer=sgdd is unknown"),
        (("metric=val/loss", "data.batch_size=uniform(1,8)"), "data.batch_size=1.0 does not fit"),
        (("metric=val/loss", LR, "trainer.max_steps=many"), "trainer.max_steps=many does not fit"),
        (("metric=val/loss", "training.optimizer.lr=log(0,1)"), "no logarithm at 0"),
        (("metric=val/loss",), "there is nothing to search"),
    ],
)
def test_wrong_use_is_one_sentence_before_the_first_trial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    folder = tmp_path / "search"
    with pytest.raises(SystemExit) as ended:
        exit_on_wrong_use(lambda: search([f"folder={folder}", "trials=2", *arguments]))
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not folder.exists()


def test_the_script_prints_its_usage(here: Run) -> None:
    done = here("scripts/search.py")
    assert done.returncode == 2
    assert done.stderr.startswith("error: usage: python scripts/search.py folder=DIR")


def test_without_optuna_the_error_names_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"optuna is missing.*pip install"):
        search(["folder=nowhere", "trials=1", "metric=val/loss", LR])


@pytest.fixture
def options(tiny: list[str]) -> list[str]:
    """A search over the tiny network's learning rate and rank, two steps a trial."""
    shared = [override for override in tiny if not override.startswith("training.optimizer.lr")]
    space = [LR, "model.adapter.rank=choice(1,2,4)"]
    steps = ["trainer.max_steps=2", "callbacks.last.every_n_steps=1"]
    return ["metric=semseg/miou", *space, *shared, "experiment=demo", *steps]


@pytest.mark.slow
def test_a_killed_search_goes_on(script: Run, options: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "search"
    command = ["scripts/search.py", f"folder={folder}", "trials=3", *options]
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL)
    second = folder / "trial_0001"
    wait_for(second / "checkpoints" / "last.ckpt", process)
    process.kill()
    process.wait()
    assert not (folder / "trial_0002").exists()
    first = (folder / "trial_0000" / "metrics.json").stat().st_mtime_ns

    done = script(*command)
    assert done.returncode == 0, done.stderr
    assert "trial 0:" not in done.stdout
    assert "Warning" not in done.stderr
    names = ["trial_0000", "trial_0001", "trial_0002"]
    assert sorted(path.name for path in folder.glob("trial_*")) == names
    assert all((folder / name / "DONE").is_file() for name in names)
    assert (folder / "trial_0000" / "metrics.json").stat().st_mtime_ns == first
    with (folder / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == ["0", "1", "2"]
    assert all(float(row["semseg/miou"]) >= 0 for row in rows)
    assert "the best: python train.py" in done.stdout

    again = script(*command)
    assert again.returncode == 0
    assert "trial 0:" not in again.stdout


@pytest.mark.slow
def test_a_failing_training_is_a_failed_trial(
    script: Run, options: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "search"
    missing = [o for o in options if not o.startswith(("data.root", "setting", "data.generator"))]
    options = [*missing, "data=pascal_context", f"data.root={tmp_path / 'missing'}"]
    done = script("scripts/search.py", f"folder={folder}", "trials=1", *options)
    assert done.returncode == 1, done.stderr
    assert "trial 0 failed: exit code 2: error: data.root=" in done.stdout
    assert "trial_0000/output.log" in done.stdout.replace("\n", "")


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 300
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
