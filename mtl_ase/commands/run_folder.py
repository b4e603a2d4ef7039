"""The run folder at the start of a run: the checkpoint to resume from, and the first files."""

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

from mtl_ase.base.atomic_files import remove_drafts, write_atomically, write_json
from mtl_ase.base.differences import differences
from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.build import read_run_config
from mtl_ase.data import DataModule
from mtl_ase.training.checkpoint_files import newest_good, previous, verify_checkpoint

PACKAGES = ("torch", "torchvision", "lightning", "torchmetrics", "timm", "hydra-core", "omegaconf")


class RunFolder(RunFiles):
    """The files of a run, with the choice of checkpoint and the files written at the start."""

    def checkpoint_to_resume(self, resume: str) -> Path | None:
        """The checkpoint to resume from; None to start a new run.

        Args:
            resume: "never", "auto" (the folder's last checkpoint, if any) or a checkpoint's path.

        Raises:
            UserError: `resume` is "never" but the folder contains a run, or is no existing file, or
                all checkpoints are damaged, or files that no run wrote would be overwritten.
        """
        self._check_foreign_files()
        if resume == "auto":
            remove_drafts(self.checkpoints)
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

    def _check_foreign_files(self) -> None:
        """Reject files of a run without environment.json, which every run writes first."""
        if self.environment.is_file():
            return
        for file in (self.config, self.log, self.metrics, self.router_log, self.gradient_log):
            if os.path.lexists(file):
                raise UserError(
                    f"run_dir={self.path} holds a {file.name} that no run wrote; choose another "
                    "run_dir."
                )

    def write_start(self, config: DictConfig, data: DataModule) -> None:
        """Write config.yaml and environment.json, and delete the DONE file of an earlier start."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.done.unlink(missing_ok=True)
        now = environment(data)
        self._warn_of_other_data(now["data"]["fingerprint"])
        write_json(self.environment, now)
        write_atomically(self.config, OmegaConf.to_yaml(config, resolve=True).encode())

    def _warn_of_other_data(self, now: dict[str, str]) -> None:
        """Warn if the images differ from those at the first start, e.g. after restoring a file."""
        try:
            text = self.environment.read_text(encoding="utf-8")
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
            UserError: the folder has no config.yaml, or one that no run wrote.
        """
        return read_run_config(self.path)


def environment(data: DataModule) -> dict[str, Any]:
    """Package versions, git revision, and fingerprint and label coverage of the data."""
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
