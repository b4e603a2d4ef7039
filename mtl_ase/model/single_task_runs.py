"""Finished single-task runs, from whose weights some multi-task networks start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.model.matching_weights import load_matching


class SingleTaskRun(NamedTuple):
    """A finished run on one task.

    Attributes:
        task: name of its task.
        folder: the run folder, as given.
        encoder: import path of its encoder.
        state: the weights of its network, by their names in the network.
    """

    task: str
    folder: str
    encoder: str
    state: Mapping[str, Tensor]

    def load_part(self, part: str, module: nn.Module, key: str) -> None:
        """Load a part of the network into a module of the same names and shapes.

        Args:
            part: name of the part in the network, e.g. "encoder.trunk".
            module: the module to load into.
            key: the config's key that named the run, for the message.

        Raises:
            UserError: the part is another network's.
        """
        begin = f"{part}."
        state = {k.removeprefix(begin): v for k, v in self.state.items() if k.startswith(begin)}
        advice = "train it with the same model config"
        load_matching(module, state, f"{key}: the weights of {part} in {self.folder}", advice)


def read_single_task_runs(
    folders: Sequence[str], tasks: Sequence[str], key: str
) -> dict[str, SingleTaskRun]:
    """The runs by task, in the order of the tasks; what task a run is of, its config says.

    The weights are those of best.ckpt (lowest validation loss), or of last.ckpt if there is none;
    the averaged ones of a run with EMA.

    Args:
        folders: run folders in any order, one for each task.
        tasks: names of the tasks.
        key: the config's key that holds the folders, for messages.

    Raises:
        UserError: a folder holds no finished run on one task, its checkpoint can't be read, or
            the runs' tasks are not exactly `tasks`.
    """
    found: dict[str, tuple[str, str]] = {}
    for folder in folders:
        task, encoder = _read_config(folder, key)
        if task not in tasks:
            raise UserError(
                f"{key}: {folder} is a run on {task}, but tasks are {', '.join(tasks)}; leave it "
                "out."
            )
        if task in found:
            raise UserError(f"{key}: {found[task][0]} and {folder} are both on {task}; keep one.")
        found[task] = (folder, encoder)
    if missing := [task for task in tasks if task not in found]:
        raise UserError(f"{key} has no run on {missing[0]}; give one finished run for each task.")
    return {
        task: SingleTaskRun(task, *found[task], _read_weights(found[task][0], key))
        for task in tasks
    }


def _read_config(folder: str, key: str) -> tuple[str, str]:
    """The run's task and the import path of its encoder; interpolations are not resolved."""
    files = RunFiles(Path(folder).expanduser())
    if not files.config.is_file():
        raise UserError(f"{key}: {folder} is no run folder (no config.yaml); give one of train.py.")
    if not files.done.exists():
        raise UserError(f"{key}: {folder} is not finished (no DONE); end it with resume=auto.")
    try:
        content: Any = OmegaConf.to_container(OmegaConf.load(files.config), resolve=False)
        tasks = [str(name) for name in content["tasks"]]
        encoder = str(content["model"]["encoder"]["_target_"])
    except Exception as error:  # a damaged file fails in many ways
        raise UserError(
            f"{key}: {files.config} can't be read as a run's config ({type(error).__name__}); give "
            "another run folder."
        ) from error
    if len(tasks) != 1:
        raise UserError(
            f"{key}: {folder} is a run on {', '.join(tasks) or 'no task'}; give runs on one task "
            "each (experiment=stl_resnet18 tasks=[NAME])."
        )
    return tasks[0], encoder


def _read_weights(folder: str, key: str) -> dict[str, Tensor]:
    """The network's weights; only plain containers and tensors are unpickled."""
    files = RunFiles(Path(folder).expanduser())
    path = files.best if files.best.is_file() else files.last
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        state: dict[str, Tensor] = content["state_dict"]
        begin = "network."
        return {k.removeprefix(begin): v for k, v in state.items() if k.startswith(begin)}
    except Exception as error:  # torch raises many exception types for unreadable files
        raise UserError(
            f"{key}: {path} can't be read as a run's checkpoint ({type(error).__name__}); give "
            "another run folder."
        ) from error
