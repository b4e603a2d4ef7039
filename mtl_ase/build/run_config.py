"""Reading the config that a run was trained with."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.config import strings

OUTPUTS = {
    "mtl_ase.tasks.class_ids": {"_target_": "mtl_ase.tasks.ClassMap"},
    "mtl_ase.tasks.probability": {"_target_": "mtl_ase.tasks.ProbabilityMap"},
    "mtl_ase.tasks.unit_vector": {"_target_": "mtl_ase.tasks.NormalMap"},
    "mtl_ase.tasks.first_channel": {"_target_": "mtl_ase.tasks.ValueMap", "highest": 20.0},
}
"""`Task.output` by the activation that configs of older runs have instead."""


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
    _name_outputs(config)
    return config


def _name_outputs(config: DictConfig) -> None:
    """Replace the activation and colours of older configs by the kind of output that they are."""
    tasks = config.get("tasks")
    for task in tasks.values() if isinstance(tasks, DictConfig) else ():
        known = task.get("activation") if isinstance(task, DictConfig) else None
        if isinstance(known, DictConfig) and known.get("_target_") in OUTPUTS:
            with open_dict(task):
                task.output = OUTPUTS[known["_target_"]]
                task.pop("activation")
                task.pop("colours", None)
