"""Evaluation of finished runs, or of prediction files of another framework."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, ConfigTypeError

from mtl_ase.base.differences import differences
from mtl_ase.base.errors import UserError
from mtl_ase.build import build_protocol
from mtl_ase.commands.evaluation_arguments import USAGE, Arguments, meant_key, read_arguments
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.commands.same_run import run_identity
from mtl_ase.commands.score import score_files, score_run
from mtl_ase.config import CONFIGS, nearest_key, silence_libraries
from mtl_ase.config.composing import compose_config
from mtl_ase.config.foreign_files import check_foreign, look_at_foreign_files
from mtl_ase.config.own_parts import search_path
from mtl_ase.evaluation import Scores
from mtl_ase.inference.loading import wanted_tasks
from mtl_ase.report import print_comparison, print_scores
from mtl_ase.tasks import Task

PARTS = ("checkpoint", "seed", "metrics", "tasks", "data", "training")
"""Keys of a training config that are used to evaluate prediction files."""


def evaluate(arguments: Sequence[str], trusted: tuple[str, ...] = ()) -> None:
    """Evaluate runs or prediction files, write result files and print tables.

    Args:
        arguments: overrides as on train.py's command line, including run= or predictions=.
        trusted: as in `train`.

    Raises:
        UserError: nothing to evaluate, a missing checkpoint, or an invalid override.
    """
    silence_libraries()
    given = read_arguments(arguments)
    require_reference = given.reference is not None
    if given.predictions is not None:
        config = files_config(given)
        scored: list[Scores | None] = [
            score_files(
                given.predictions, given.name, config, given.out, require_reference, trusted
            )
        ]
    else:
        scored = []
        folders = [RunFolder(path) for path in given.runs]
        runs = [(folder, *run_config(folder, given)) for folder in folders]
        for folder, checkpoint, config in runs:
            path = folder.path
            name = path.resolve().name if len(given.runs) > 1 else checkpoint.stem
            scored.append(score_run(folder, name, checkpoint, config, require_reference, trusted))
    if all(scores is not None for scores in scored):  # None on ranks other than 0
        found = [scores for scores in scored if scores is not None]
        print_scores(found)
        for other in found[1:]:
            print_comparison(found[0], other)


def run_config(folder: RunFolder, given: Arguments) -> tuple[Path, DictConfig]:
    """The checkpoint to evaluate, and the run's config with the overrides applied.

    Raises:
        UserError: the checkpoint is missing, or an override is invalid.
    """
    saved = folder.read_config()
    if "tasks" in given.overrides:
        wanted = given.overrides["tasks"]
        saved.tasks = wanted_tasks(saved, wanted if isinstance(wanted, list) else [])
    config = copy.deepcopy(saved)
    checkpoint = folder.checkpoint(given.checkpoint)
    if given.data is not None:
        config.data = _other_data(given, config)
    _add_protocol(config, given)
    for key, value in given.overrides.items():
        if key != "tasks":
            _override(config, key, value)
    _check_same_network(folder, saved, config)
    return checkpoint, config


def _check_same_network(folder: RunFolder, saved: DictConfig, config: DictConfig) -> None:
    """Reject overrides that change the network, since the checkpoint's weights would not match.

    Raises:
        UserError: lists the differences.
    """
    before, now = (
        {key: value for key, value in run_identity(each).items() if not key.startswith("data.")}
        for each in (saved, config)
    )
    if found := differences(before, now):
        raise UserError(f"the network of run={folder.path} is another ({found}); leave that out.")


def _override(config: DictConfig, key: str, value: Any) -> None:
    """Change a value of the config.

    Raises:
        UserError: the key does not exist, or is a whole part of the config.
    """
    if isinstance(OmegaConf.select(config, key), DictConfig) and not isinstance(value, dict):
        raise UserError(f"{key} is a part of the run's config; change single keys of it, or none.")
    try:
        OmegaConf.update(config, key, value)
    except (ConfigAttributeError, ConfigKeyError, ConfigTypeError) as error:
        nearest = nearest_key(key)
        hint = meant_key(key) or (f"did you mean {nearest}? " if nearest else "")
        raise UserError(f"{key} is no key of the run's config; {hint}usage: {USAGE}") from error


def files_config(given: Arguments) -> DictConfig:
    """A config of data, tasks and protocol, for prediction files.

    The tasks are tasks=[...], by default all that have a folder.

    Raises:
        UserError: no task has a folder, or an override is invalid.
    """
    assert given.predictions is not None
    known = sorted(path.stem for path in (CONFIGS / "tasks").glob("*.yaml"))
    found = [name for name in known if (given.predictions / name).is_dir()]
    if not found:
        raise UserError(
            f"predictions={given.predictions} holds no folder of a task ({', '.join(known)}); put "
            "the files into predictions/TASK/IMAGE_ID.png or .npy."
        )
    own = [f"data={given.data or 'pascal_context'}"]
    if "tasks" not in given.overrides:
        own.append(f"tasks=[{','.join(found)}]")
    plain = [line for line in given.plain if not line.startswith("protocol.")]
    composed = _composed([*own, *plain], given)
    config = OmegaConf.create({part: composed[part] for part in PARTS})
    _add_protocol(config, given)
    for key, value in given.overrides.items():
        if key.startswith("protocol."):
            _override(config, key, value)
    return config


def evaluated_tasks(config: DictConfig, tasks: Mapping[str, Task], name: str) -> dict[str, Task]:
    """The tasks with the metrics of a protocol of configs/protocol.

    Args:
        config: the run's; not changed.
        tasks: the run's.
        name: of the protocol.

    Raises:
        UserError: there is no such protocol.
    """
    config = copy.deepcopy(config)
    _add_protocol(config, Arguments(runs=[], protocol=name))
    return build_protocol(config).apply(tasks)


def _add_protocol(config: DictConfig, given: Arguments) -> None:
    """Add the chosen protocol, for the config's tasks, and the chosen reference to the config."""
    protocol = _read("protocol", given.protocol, given.config_dir)
    for part in ("metrics", "headlines", "subsets"):
        for task in list(protocol[part]):
            if task not in config.tasks:
                del protocol[part][task]
    config.protocol = protocol
    if given.reference is not None:
        config.training.reference = _read("reference", given.reference, given.config_dir)
    OmegaConf.set_struct(config, True)


def _read(group: str, name: str, config_dir: Path | None) -> DictConfig:
    """The config of an option of a group, ours or in the user's folder."""
    folders = [folder / group for folder in (CONFIGS, config_dir) if folder is not None]
    paths = {path.stem: path for folder in folders[::-1] for path in folder.glob("*.yaml")}
    if name not in paths:
        close = difflib.get_close_matches(name, paths, n=1)
        hint = f"did you mean {close[0]}? There are" if close else "choose one of"
        raise UserError(f"{group}={name} is unknown; {hint} {', '.join(sorted(paths))}.")
    content = OmegaConf.load(paths[name])
    assert isinstance(content, DictConfig)
    if not paths[name].is_relative_to(CONFIGS):
        check_foreign(content, paths[name])
    return content


def _composed(overrides: Sequence[str], given: Arguments) -> DictConfig:
    """The training config with overrides, and with the user's folder of configs."""
    look_at_foreign_files()
    folder = [] if given.config_dir is None else [search_path(given.config_dir)]
    return compose_config([*folder, *overrides])


def _other_data(given: Arguments, config: DictConfig) -> DictConfig:
    """Another data set's config, with the input size of the run."""
    composed = _composed([f"data={given.data}", f"seed={config.seed}"], given)
    data = OmegaConf.create({"seed": config.seed, "data": composed.data}).data
    data.image_size = config.data.image_size
    resolved = OmegaConf.create(OmegaConf.to_container(data, resolve=True))
    assert isinstance(resolved, DictConfig)
    return resolved
