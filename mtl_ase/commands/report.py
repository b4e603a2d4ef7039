"""Pages of finished runs: of one, or of several compared."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

from omegaconf import DictConfig

from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.build import (
    build_data,
    build_outline,
    build_tasks,
    restored_network,
)
from mtl_ase.commands.evaluate import evaluated_tasks
from mtl_ase.commands.report_arguments import Arguments
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.config import silence_libraries
from mtl_ase.evaluation import read_details
from mtl_ase.inference import Model
from mtl_ase.model import MultiTaskNetwork, count_parameters
from mtl_ase.run_pages import RunContent, SampleSet, choose_samples, write_run_page, write_runs_page
from mtl_ase.run_pages.run_page import worst_images
from mtl_ase.sweeps import Job
from mtl_ase.tasks import Task
from mtl_ase.training.checkpoint_files import read_checkpoint


def report(arguments: Arguments, trusted: tuple[str, ...] = ()) -> Path:
    """Write a page.

    Args:
        arguments: the command line.
        trusted: prefixes of your own code that `_target_`s may name.

    Returns:
        The HTML file.

    Raises:
        UserError: a run folder is damaged, or the file can't be written.
    """
    silence_libraries()
    runs = [read_run(RunFolder(path), trusted) for path in arguments.runs]
    if arguments.several:
        title = ", ".join(folder.resolve().name for folder in arguments.folders)
        write_runs_page(arguments.output, title, runs, _failed(arguments))
    else:
        write_run_page(arguments.output, runs[0], _samples(runs[0], arguments.samples, trusted))
    return arguments.output


def read_run(folder: RunFolder, trusted: tuple[str, ...] = ()) -> RunContent:
    """A run from its folder.

    Args:
        folder: of the run.
        trusted: as in `report`.

    Raises:
        UserError: it is no run folder, or a file in it is damaged.
    """
    config = folder.read_config()
    tasks = build_tasks(config, trusted)
    parameters = count_parameters(build_outline(copy.deepcopy(config)))
    return RunContent(folder, config, tasks, _evaluated(folder, config, tasks), parameters)


def _evaluated(files: RunFiles, config: DictConfig, tasks: Mapping[str, Task]) -> dict[str, Task]:
    details = read_details(files.details)
    return {} if details is None else evaluated_tasks(config, tasks, details.protocol)


def _samples(run: RunContent, count: int, trusted: tuple[str, ...]) -> SampleSet:
    """Pictures by the last checkpoint; without it or the data, why there are none."""
    if not count:
        return SampleSet()
    config = copy.deepcopy(run.config)
    tasks = build_tasks(config, trusted)
    try:
        data = build_data(config, tasks)
        data.check_root()
        network = _trained(run.files, config, tasks)
        data.prepare_data()
    except UserError as error:
        return SampleSet(missing=str(error))
    model = Model(network, tasks, data.size_hw, data.augmentation)
    return choose_samples(model, data, count, worst_images(run))


def _trained(files: RunFiles, config: DictConfig, tasks: Mapping[str, Task]) -> MultiTaskNetwork:
    """The network of the last checkpoint.

    Raises:
        UserError: there is none, or it is damaged or another network's.
    """
    if not files.last.is_file():
        raise UserError(f"{files.last} is missing.")
    content = read_checkpoint(files.last, "cpu")
    return restored_network(config, content, list(tasks), tasks)


def _failed(arguments: Arguments) -> dict[str, str]:
    """What went wrong in the jobs of sweeps that left no run, by the name of the folder."""
    failed = {}
    for folder in arguments.folders:
        name = RunFiles(folder).failed.name
        for path in sorted([*folder.glob(f"*/{name}"), *folder.glob(f"runs/*/{name}")]):
            if path.parent not in arguments.runs:
                failed[path.parent.name] = Job((), path.parent).failure or "failed"
    return failed
