"""A run under SLURM, as srun starts it, whose time is up."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from mtl_ase.launch.slurm_requeue import job_id
from tests.ranks.conftest import ROOT, Start, last, logged_steps, wait_for_steps

SRUN = {
    "SLURM_JOB_NAME": "train",
    "SLURM_JOB_ID": "4711",
    "SLURM_NTASKS": "1",
    "SLURM_NTASKS_PER_NODE": "1",
    "SLURM_NNODES": "1",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
    "SLURM_NODELIST": "localhost",
}
SCONTROL = """#!/bin/sh
echo "$@" >> "$CALLS"
echo "no such job" >&2
exit "$SCONTROL_CODE"
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """The environment of a job's only task, with a scontrol that notes how it is called."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "scontrol").write_text(SCONTROL)
    (binaries / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", str(binaries), prepend=":")

    def environment(code: int = 0) -> dict[str, str]:
        return SRUN | {"CALLS": str(tmp_path / "calls"), "SCONTROL_CODE": str(code)}

    return environment


@pytest.fixture
def overrides(tiny: list[str], tmp_path: Path) -> list[str]:
    """A long training without validations, on one task."""
    long = ["trainer.max_epochs=1000", "trainer.check_val_every_n_epoch=1000"]
    return [*tiny, *long, "tasks=[semseg]", f"run_dir={tmp_path / 'run'}"]


@pytest.mark.slow
def test_the_requeue_signal_saves_and_requeues_and_the_job_goes_on(
    start: Start,
    finish: Callable[..., None],
    slurm: Callable[..., dict[str, str]],
    overrides: list[str],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    process = start(*overrides, "resume=auto", **slurm())
    wait_for_steps(process, folder, 4)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(timeout=60) == 138
    assert (tmp_path / "calls").read_text() == "requeue 4711\n"
    assert not (folder / "DONE").exists()
    reached = last(folder)["global_step"]
    finish(*overrides, "resume=auto", f"trainer.max_steps={reached + 2}", **slurm())
    assert (folder / "DONE").exists()
    assert logged_steps(folder) == list(range(reached + 2))
    assert (tmp_path / "calls").read_text() == "requeue 4711\n"
    assert not [*tmp_path.rglob("hpc_ckpt*"), *ROOT.glob("hpc_ckpt*")]


def test_the_task_of_an_array_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    assert job_id() == "4711"
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "4700")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    assert job_id() == "4700_3"


@pytest.mark.slow
def test_sigterm_saves_under_slurm_too(
    start: Start, slurm: Callable[..., dict[str, str]], overrides: list[str], tmp_path: Path
) -> None:
    process = start(*overrides, "resume=auto", **slurm())
    wait_for_steps(process, tmp_path / "run", 4)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143
    assert last(tmp_path / "run")["global_step"] >= 4
    assert not (tmp_path / "calls").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("resume", "code", "said", "called"),
    [
        ("resume=never", 0, "give run_dir=FOLDER resume=auto", False),
        ("resume=auto", 1, "scontrol requeue 4711 failed (no such job)", True),
    ],
    ids=["not resumable", "scontrol fails"],
)
def test_a_job_that_does_not_go_on_by_itself_says_so(
    start: Start,
    slurm: Callable[..., dict[str, str]],
    overrides: list[str],
    tmp_path: Path,
    resume: str,
    code: int,
    said: str,
    called: bool,
) -> None:
    process = start(*overrides, resume, **slurm(code))
    wait_for_steps(process, tmp_path / "run", 4)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(timeout=60) == 138
    assert last(tmp_path / "run")["global_step"] >= 4
    assert said in (tmp_path / "said.txt").read_text()
    assert (tmp_path / "calls").exists() == called
