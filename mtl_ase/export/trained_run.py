"""A run's trained network, read for export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.build import build_tasks, read_run_config, restored_network
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.tasks import Task
from mtl_ase.training.checkpoint_files import read_checkpoint
from mtl_ase.training.frozen_weights import PREFIX


@dataclass(frozen=True)
class TrainedRun:
    """A trained network and what a run says of it.

    Attributes:
        files: files of the run.
        config: its resolved config.
        checkpoint: "last" or "best", the checkpoint that was read.
        step: steps of the optimiser behind it; None if it does not say.
        tasks: the tasks by name, in the order of the task axis.
        network: the network with all weights, in evaluation mode.
        weights: the network's weights that the checkpoint holds: all but those of `frozen`.
        frozen: source and SHA-256 of the frozen weights that it leaves out; None: it has all.
    """

    files: RunFiles
    config: DictConfig
    checkpoint: str
    step: int | None
    tasks: Mapping[str, Task]
    network: MultiTaskNetwork
    weights: Mapping[str, Tensor]
    frozen: Mapping[str, str] | None


def read_run(run: Path, checkpoint: str = "last", trusted: tuple[str, ...] = ()) -> TrainedRun:
    """Read a run folder of train.py.

    Args:
        run: the folder.
        checkpoint: "last" or "best".
        trusted: prefixes of your own code that `_target_`s of the config may name.

    Raises:
        UserError: there is no such run or checkpoint, it is damaged, its frozen backbone is not the
            one that is here, or a task has a name that is no word.
    """
    files, config = RunFiles(run), read_run_config(run)
    path = files.checkpoint(checkpoint)
    tasks = build_tasks(config, trusted)  # first: it checks all targets
    for name in tasks:
        if not name.isidentifier():  # it becomes the name of a folder, of an output, a part of code
            raise UserError(f"{files.config} has the task {name!r}; give it a name like semseg.")
    content = read_checkpoint(path, "cpu")
    network = restored_network(config, dict(content), list(tasks), tasks)
    return TrainedRun(
        files=files,
        config=config,
        checkpoint=checkpoint,
        step=content.get("global_step"),
        tasks=tasks,
        network=network,
        weights=_of_network(content["state_dict"]),
        frozen=content.get("frozen"),
    )


def _of_network(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The network's weights of a checkpoint by their names in the network."""
    return {
        name.removeprefix(PREFIX): value for name, value in state.items() if name.startswith(PREFIX)
    }
