"""Runs of the real entry points in processes of their own."""

from __future__ import annotations

import runpy
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def script() -> Run:
    """Runs a script of the project, in a folder, to its end and gives what it printed."""

    def run(
        path: str, *arguments: str, cwd: Path = ROOT, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / path), *arguments]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout)

    return run


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a script like `script`, but in this process: it need not import everything anew."""

    def run(path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / path), *arguments]
        monkeypatch.setattr(sys, "argv", command)
        code: object = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                runpy.run_path(command[0], run_name="__main__")
            except SystemExit as end:
                code = end.code or 0
        assert isinstance(code, int)
        said = capsys.readouterr()
        return subprocess.CompletedProcess(command, code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def finished_run(script: Run, tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of fine-grained ASE, four steps long."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    overrides = ["experiment=ase_finegrained", f"run_dir={folder}", "trainer.max_steps=4"]
    done = script("train.py", *tiny, *overrides, "report.trivial=true")
    assert done.returncode == 0, done.stderr
    assert "Results" in done.stdout
    return folder
