"""Runs of the real entry points in processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.fixture(scope="session")
def finished_run(script: Run, tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of fine-grained ASE, four steps long."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    overrides = ["experiment=ase_finegrained", f"run_dir={folder}", "trainer.max_steps=4"]
    done = script("train.py", *tiny, *overrides, "report.trivial=true")
    assert done.returncode == 0, done.stderr
    assert "Results" in done.stdout
    assert done.stdout.splitlines()[-1] == f"report: {folder / 'report.html'}", done.stderr
    return folder
