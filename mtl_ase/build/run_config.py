"""Reading the config that a run was trained with."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.config import strings


def read_run_config(run: Path) -> DictConfig:
    """The resolved config of a run folder.

    Raises:
        UserError: the folder has no config.yaml, or one that no run wrote.
    """
    path = RunFiles(run).config
    if not path.is_file():
        raise UserError(f"run={run} is no run folder (no config.yaml); give one of train.py's.")
    return read_resolved(path)


def read_resolved(path: Path) -> DictConfig:
    """Read a run's config.yaml, which has no interpolations (they could read the environment).

    Raises:
        UserError: the file is unreadable or empty, or has an interpolation.
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
