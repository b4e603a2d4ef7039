"""A run that starts twice goes on in the loggers too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Run


def start_twice(script: Run, run: Path, *overrides: str) -> None:
    for steps in (1, 2):
        done = script("train.py", *overrides, f"run_dir={run}", f"trainer.max_steps={steps}")
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr
    assert (run / "DONE").exists()


@pytest.mark.slow
def test_two_starts_have_one_wandb_id(
    script: Run, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")
    start_twice(script, tmp_path, *tiny, "experiment=ase", "logger=wandb", "resume=auto")
    assert [path.name for path in tmp_path.glob("*wandb_id*")] == ["wandb_id"]
    kept = (tmp_path / "wandb_id").read_text()
    folders = sorted(path.name for path in tmp_path.glob("wandb/offline-run-*"))
    assert len(folders) == 2
    assert all(name.endswith(f"-{kept}") for name in folders)


@pytest.mark.slow
def test_two_starts_have_one_tensorboard_folder(
    script: Run, tiny: list[str], tmp_path: Path
) -> None:
    start_twice(script, tmp_path, *tiny, "experiment=ase", "logger=tensorboard", "resume=auto")
    files = list(tmp_path.rglob("events.out.tfevents.*"))
    assert len(files) >= 2
    assert {path.parent for path in files} == {tmp_path / "tensorboard"}
