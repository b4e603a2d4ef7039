"""The wandb log: every start of a run logs under the same id; nothing leaves the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import wandb
from lightning.pytorch.utilities import rank_zero_only

from mtl_ase.training import WandbLog
from mtl_ase.training.wandb_log import stored_id


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")
    yield
    wandb.teardown()


def test_steps_that_go_back_are_logged_without_complaint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = WandbLog(str(tmp_path), "project")
    for step in (5, 6, 5, 6, 7):
        log.log_metrics({"loss": 1.0}, step)
    assert log.experiment.summary["trainer/global_step"] == 7
    assert log.experiment.step == 5, "wandb's own counter counts rows"
    wandb.finish()
    assert "warning" not in "".join(capsys.readouterr()).lower()


def test_an_id_is_made_once_and_kept(tmp_path: Path) -> None:
    made = stored_id(tmp_path / "new" / "wandb_id")
    assert made.isalnum()
    assert stored_id(tmp_path / "new" / "wandb_id") == made
    assert stored_id(tmp_path / "wandb_id") != made


def test_only_the_first_process_makes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    log = WandbLog(str(tmp_path), "project")
    log.experiment.log({"loss": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_the_environment_can_switch_it_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    log = WandbLog(str(tmp_path), "project")
    log.log_metrics({"loss": 1.0}, 0)
    wandb.finish()
    assert not (tmp_path / "wandb").exists()


@pytest.mark.parametrize(("offline", "mode"), [(True, "offline"), (False, None)])
def test_without_the_environment_the_config_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: bool, mode: str | None
) -> None:
    monkeypatch.delenv("WANDB_MODE")
    begun = {}
    monkeypatch.setattr(wandb, "init", lambda **given: begun.update(given))
    _ = WandbLog(str(tmp_path), "project", offline=offline, group="mine").experiment
    assert (begun["mode"], begun["resume"], begun["group"]) == (mode, "allow", "mine")
    assert begun["id"] == stored_id(tmp_path / "wandb_id")
