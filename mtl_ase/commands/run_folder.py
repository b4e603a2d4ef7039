"""What lies in a run folder, and when a run may start there."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import warnings
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from mtl_ase.base.atomic_files import remove_drafts, write_atomically, write_json
from mtl_ase.base.differences import differences
from mtl_ase.base.errors import UserError
from mtl_ase.config import strings
from mtl_ase.data import DataModule
from mtl_ase.training.checkpoint_files import newest_good, previous, verify_checkpoint

PACKAGES = ("torch", "torchvision", "lightning", "torchmetrics", "timm", "hydra-core", "omegaconf")


class RunFolder:
    """The files of one run.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last = path / "checkpoints" / "last.ckpt"
        self.best = path / "checkpoints" / "best.ckpt"
        self.config = path / "config.yaml"
        self.done = path / "DONE"

    def checkpoint_to_resume(self, resume: str) -> Path | None:
        """The checkpoint to go on from.

        Args:
            resume: never, auto (the folder's last checkpoint, if any) or a path.

        Raises:
            UserError: never, but the folder holds a run; or the path is no file; or all checkpoints
                are damaged; or files of somebody else would be written over.
        """
        self._refuse_others_files()
        if resume == "auto":
            remove_drafts(self.last.parent)
            return newest_good([self.last, previous(self.last)])
        if resume == "never":
            if self.last.is_file() or self.done.exists():
                raise UserError(
                    f"run_dir={self.path} already holds a run; continue it with resume=auto, "
                    "or choose another run_dir."
                )
            return None
        path = Path(resume).expanduser()
        if not path.is_file():
            raise UserError(f"resume={resume} is no checkpoint; give never, auto or a file's path.")
        verify_checkpoint(path)
        return path

    def _refuse_others_files(self) -> None:
        """Every run writes environment.json first; what else has these names is not a run's."""
        if (self.path / "environment.json").is_file():
            return
        for name in ("config.yaml", "metrics.csv", "metrics.json", "router.csv"):
            if os.path.lexists(self.path / name):
                raise UserError(
                    f"run_dir={self.path} holds a {name} that is no run's; choose another run_dir."
                )

    def write_start(self, config: DictConfig, data: DataModule) -> None:
        """The resolved config and the environment."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.done.unlink(missing_ok=True)
        now = environment(data)
        self._warn_of_other_data(now["data"]["fingerprint"])
        write_json(self.path / "environment.json", now)
        write_atomically(self.config, OmegaConf.to_yaml(config, resolve=True).encode())

    def _warn_of_other_data(self, now: dict[str, str]) -> None:
        """A restored file changes the data too, so a run may go on; but not without a word."""
        try:
            text = (self.path / "environment.json").read_text(encoding="utf-8")
            before = dict(json.loads(text)["data"]["fingerprint"])
        except (OSError, ValueError, KeyError, TypeError):
            return
        if found := differences(before, now):
            warnings.warn(
                f"{self.path} was begun on other images, or files of other sizes ({found}); its "
                "results are not those of one data set.",
                stacklevel=2,
            )

    def read_config(self) -> DictConfig:
        """The resolved config of the run.

        Raises:
            UserError: the folder holds no run, or its config is not one that a run left.
        """
        if not self.config.is_file():
            raise UserError(
                f"run={self.path} is no run folder (no config.yaml); give one of train.py's."
            )
        return read_resolved(self.config)


def read_resolved(path: Path) -> DictConfig:
    """A config that a run left: all values are final, so it can't ask for the environment's.

    Raises:
        UserError: it is not such a config.
    """
    try:
        config = OmegaConf.load(path)
    except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
        raise UserError(
            f"{path} can't be read as a config ({' '.join(str(error).split())}); give a run folder "
            "of train.py's."
        ) from error
    if not isinstance(config, DictConfig):
        raise UserError(f"{path} holds no keys; give a run folder of train.py's.")
    for key, text in strings(OmegaConf.to_container(config, resolve=False)):
        if "${" in text:
            raise UserError(
                f"{path}: {key}={text} is an interpolation, which no run leaves; don't use it, or "
                "write the value that it stands for."
            )
    return config


def environment(data: DataModule) -> dict[str, Any]:
    """Versions, git revision and the data's fingerprint and coverage."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "git_revision": _git("rev-parse", "HEAD"),
        "git_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint(),
            "coverage": data.coverage(),
        },
    }


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
