"""Attacks by paths: what a config would write outside of the run folder."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf, open_dict

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_trainer
from mtl_ase.training import WandbLog
from tests.conftest import Compose

PLUGINS = "lightning.pytorch."
OUTSIDE: dict[str, tuple[str, Any]] = {
    "dirpath, absolute": ("callbacks.best.dirpath", "VICTIM"),
    "dirpath, relative": ("callbacks.best.dirpath", "configs"),
    "dirpath, upwards from the run": ("callbacks.best.dirpath", "RUN/checkpoints/../../victim"),
    "dirpath, home": ("callbacks.best.dirpath", "~/.ssh"),
    "dirpath, another user's home": ("callbacks.best.dirpath", "~root/x"),
    "dirpath, a server": ("callbacks.best.dirpath", "s3://bucket/x"),
    "dirpath, by a link in the run": ("callbacks.best.dirpath", "RUN/link"),
    "dirpath, a null byte": ("callbacks.best.dirpath", "RUN/\0/../../victim"),
    "filename, upwards": ("callbacks.best.filename", "../../victim/x"),
    "path of the last checkpoint": ("callbacks.last.path", "VICTIM/last.ckpt"),
    "path of the last checkpoint, over a source file": ("callbacks.last.path", "train.py"),
    "folder of the router log": ("callbacks.router.folder", "VICTIM"),
    "folder of the CSV log": ("logger.csv.folder", "VICTIM"),
    "path of the backbone": (
        "callbacks.backbone_export",
        {"_target_": "mtl_ase.training.BackboneExport", "path": "mtl_ase/base/errors.py"},
    ),
    "save_dir": ("logger.more", {"_target_": PLUGINS + "loggers.CSVLogger", "save_dir": "VICTIM"}),
    "a logger's name, upwards": (
        "logger.more",
        {"_target_": PLUGINS + "loggers.CSVLogger", "save_dir": "RUN", "name": "../victim"},
    ),
    "a logger's version, upwards": (
        "logger.more",
        {"_target_": PLUGINS + "loggers.CSVLogger", "save_dir": "RUN", "version": "../../victim"},
    ),
    "folder of the wandb log": (
        "logger.wandb",
        {"_target_": "mtl_ase.training.WandbLog", "folder": "VICTIM", "project": "p"},
    ),
    "the trainer's root": ("trainer.default_root_dir", "VICTIM"),
    "a profiler": (
        "trainer.profiler",
        {"_target_": PLUGINS + "profilers.SimpleProfiler", "dirpath": "VICTIM", "filename": "x"},
    ),
    "a profiler's file name": (
        "trainer.profiler",
        {"_target_": PLUGINS + "profilers.SimpleProfiler", "dirpath": "RUN", "filename": "/x"},
    ),
    "a callback in a strategy's place": (
        "trainer.plugins",
        [{"_target_": PLUGINS + "callbacks.OnExceptionCheckpoint", "dirpath": "VICTIM"}],
    ),
}


@pytest.fixture(scope="module")
def base(composed: Compose) -> DictConfig:
    config = composed("callbacks.progress=null", "hydra.runtime.output_dir=RUN", "trainer=cpu")
    OmegaConf.resolve(config)
    OmegaConf.set_struct(config, False)
    return config


def _placed(value: Any, tmp_path: Path) -> Any:
    """The value with the folders of this test."""
    if isinstance(value, dict):
        return {key: _placed(part, tmp_path) for key, part in value.items()}
    if isinstance(value, list):
        return [_placed(part, tmp_path) for part in value]
    if not isinstance(value, str):
        return value
    return value.replace("VICTIM", str(tmp_path / "victim")).replace("RUN", str(tmp_path / "run"))


def _config(base: DictConfig, tmp_path: Path) -> DictConfig:
    for name in ("run", "victim"):
        (tmp_path / name).mkdir()
    (tmp_path / "run" / "link").symlink_to(tmp_path / "victim")
    content = OmegaConf.to_container(copy.deepcopy(base))
    return OmegaConf.create(_placed(content, tmp_path))


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_path_outside_of_the_run_is_refused(base: DictConfig, tmp_path: Path, name: str) -> None:
    config = _config(base, tmp_path)
    key, value = OUTSIDE[name]
    OmegaConf.update(config, key, _placed(value, tmp_path), force_add=True, merge=False)
    with pytest.raises(UserError, match="lies outside of the run folder") as caught:
        build_trainer(config, tmp_path / "run")
    assert key in str(caught.value)
    assert not list((tmp_path / "victim").iterdir())


def test_paths_in_the_run_are_taken(base: DictConfig, tmp_path: Path) -> None:
    config = _config(base, tmp_path)
    with open_dict(config):
        config.callbacks.best.dirpath = f"{tmp_path}/run/elsewhere/in it"
        config.callbacks.best.filename = "best-{step}"
    trainer = build_trainer(config, tmp_path / "run")
    assert Path(trainer.default_root_dir) == tmp_path / "run"


SERVERS: dict[str, dict[str, Any]] = {
    "another server": {"settings": {"base_url": "http://127.0.0.1:9"}},
    "another folder": {"dir": "victim"},
    "uploads of checkpoints": {"log_model": "all"},
    "another mode": {"mode": "online"},
}


@pytest.mark.parametrize("name", SERVERS)
def test_wandb_goes_to_no_other_server(tmp_path: Path, name: str) -> None:
    """The key of wandb, which is in the environment, would go along."""
    key = next(iter(SERVERS[name]))
    with pytest.raises(UserError, match=rf"logger\.wandb\.{key} can't be set here"):
        WandbLog(str(tmp_path), "project", **SERVERS[name])
    WandbLog(str(tmp_path), "project", group="mine", tags=["a"])
    assert not list(tmp_path.iterdir())
