"""Loading a trained network from what a run left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from omegaconf import DictConfig, OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles, run_of
from mtl_ase.build import (
    build_augmentation,
    build_tasks,
    read_run_config,
    restored_network,
)
from mtl_ase.export import is_exported, read_adapters
from mtl_ase.inference.model import Model
from mtl_ase.machine.cpu_speed import choose_attention
from mtl_ase.training.checkpoint_files import read_checkpoint

Checkpoint = Literal["last", "best"]
MIXED = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
"""Types of torch.autocast by Lightning's names of precisions; others compute in 32 bits."""


def load(
    path: str | Path,
    *,
    checkpoint: Checkpoint = "last",
    tasks: Sequence[str] | None = None,
    device: str | torch.device | None = None,
    precision: str | None = None,
    activate_first: bool = False,
    trusted: tuple[str, ...] = (),
) -> Model:
    """Load a trained network for predictions.

    Args:
        path: a run folder of train.py; a folder of such, of which the newest finished one is
            taken; a checkpoint RUN/checkpoints/NAME.ckpt; or a folder that export.py wrote with
            format=adapters.
        checkpoint: of a run folder: "last", or "best", that of the lowest validation loss.
        tasks: only these tasks are built and computed; None: all.
        device: where the network computes; None: a GPU if there is one.
        precision: "32-true", "bf16-mixed" or "16-mixed"; None: the run's own, as in evaluate.py.
        activate_first: see `Model`.
        trusted: prefixes of your own code that `_target_`s of the config may name.

    Returns:
        The network in evaluation mode; see `Model.predict`.

    Raises:
        UserError: there is no such run or checkpoint, the checkpoint is damaged or of another
            network, a task is none of the run's, or the config names code that is not trusted.
    """
    config, content = _config_and_weights(Path(path).expanduser(), checkpoint)
    trained = [str(name) for name in config.tasks]
    config.tasks = wanted_tasks(config, tasks)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    choose_attention(place)
    built = build_tasks(config, trusted)  # first: it checks all targets
    augmentation, size_hw = build_augmentation(config), tuple(config.data.image_size)
    network = restored_network(config, content, trained, built)
    name = str(precision or OmegaConf.select(config, "trainer.precision"))
    return Model(network.to(place), built, size_hw, augmentation, MIXED.get(name), activate_first)


def _config_and_weights(path: Path, checkpoint: str) -> tuple[DictConfig, dict[str, Any]]:
    """The config of a run, and its weights in the form of a checkpoint.

    Raises:
        UserError: there is none, or a file is damaged.
    """
    if is_exported(path):
        return read_adapters(path)
    if path.suffix == ".ckpt":
        if not path.is_file():
            raise UserError(f"{path} is missing; give a run folder or one of its checkpoints.")
        return read_run_config(run_of(path).path), read_checkpoint(path, "cpu")
    run = newest_run(path)
    config = read_run_config(run)
    return config, read_checkpoint(RunFiles(run).checkpoint(checkpoint), "cpu")


def newest_run(path: Path) -> Path:
    """The folder itself if it is a run's, else its newest finished run; itself if it has none."""
    if RunFiles(path).config.is_file() or not path.is_dir():
        return path
    inner = [RunFiles(folder) for folder in path.iterdir() if folder.is_dir()]
    finished = [run for run in inner if run.done.is_file() and run.config.is_file()]
    newest = max(finished, key=lambda run: run.done.stat().st_mtime, default=RunFiles(path))
    return newest.path


def wanted_tasks(config: DictConfig, wanted: Sequence[str] | None) -> dict[str, Any]:
    """The nodes of a run's tasks that are asked for, in the order of the task axis.

    Args:
        config: the run's config.
        wanted: names of tasks; None: all.

    Raises:
        UserError: one of them is no task of the run, or there is none.
    """
    if wanted is None:
        return {str(name): node for name, node in config.tasks.items()}
    unknown = [name for name in wanted if name not in config.tasks]
    if unknown or not wanted:
        known = ",".join(map(str, config.tasks))
        asked = ",".join(map(str, wanted))
        raise UserError(
            f"tasks=[{asked}] is no list of the run's tasks; choose of tasks=[{known}]."
        )
    return {str(name): node for name, node in config.tasks.items() if name in wanted}
