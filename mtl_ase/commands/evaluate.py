"""Evaluation of finished runs, or of prediction files of another framework."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, ConfigTypeError

from mtl_ase.base.differences import differences
from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.commands.same_run import run_identity
from mtl_ase.commands.score import score_files, score_run
from mtl_ase.config import CONFIGS, nearest_key, silence_libraries
from mtl_ase.evaluation import Scores
from mtl_ase.report import print_comparison, print_scores

USAGE = (
    "python evaluate.py run=RUN_DIR[,RUN_DIR ...] [checkpoint=last|best] or predictions=DIR "
    "[data=NAME] [data.root=DIR] [protocol=astmt|invpt] [reference=NAME]"
)
PARTS = ("checkpoint", "seed", "metrics", "tasks", "data", "training")
"""Keys of a training config that are used to evaluate prediction files."""
USES = {"name": "run=", "out": "run=", "checkpoint": "predictions="}
OWN = ("run", "predictions", "checkpoint", "protocol", "reference", "data", "name", "out")


@dataclass
class Arguments:
    """The parsed command line.

    Attributes:
        runs: run folders.
        predictions: folder of prediction files, or None.
        checkpoint: "last" or "best".
        protocol: name of a file in configs/protocol.
        reference: name of a file in configs/reference, or None for the run's own.
        data: name of a file in configs/data, or None for the run's own.
        name: name of the network that made the prediction files, for tables.
        out: folder for the results of prediction files; None: their own folder.
        overrides: all other overrides, as keys and values.
        plain: the same overrides as typed.
    """

    runs: list[Path]
    predictions: Path | None = None
    checkpoint: str = "last"
    protocol: str = "astmt"
    reference: str | None = None
    data: str | None = None
    name: str = "predictions"
    out: Path | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    plain: list[str] = field(default_factory=list)


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


def read_arguments(arguments: Sequence[str]) -> Arguments:
    """Parse the command line.

    Raises:
        UserError: neither or both of run= and predictions= are given, or a folder contains no run.
    """
    if not arguments or {"-h", "--help"} & set(arguments):
        raise UserError(f"usage: {USAGE}")
    parsed = OverridesParser.create().parse_overrides(list(arguments))
    values = {item.key_or_group: _values(item) for item in parsed}
    own = {key: values.pop(key) for key in OWN if key in values}
    for key, several in own.items():
        if key != "run" and len(several) > 1:
            raise UserError(f"{key} takes one value; usage: {USAGE}")
    for key in ("name", "out") if "run" in own else ("checkpoint",):
        if key in own:
            raise UserError(f"{key} does not go with {USES[key]}; leave it out. Usage: {USAGE}")
    single = {key: str(several[0]) for key, several in own.items() if key != "run"}
    if ("run" in own) == ("predictions" in own):
        raise UserError(f"give either run=RUN_DIR or predictions=DIR; usage: {USAGE}")
    folders = {
        key: Path(single.pop(key)).expanduser() for key in ("predictions", "out") if key in single
    }
    runs = [Path(str(path)).expanduser() for path in own.get("run", [])]
    return Arguments(
        runs=list(itertools.chain.from_iterable(map(runs_in, runs))),
        overrides={key: several[0] for key, several in values.items()},
        plain=[item.input_line or "" for item in parsed if item.key_or_group not in OWN],
        **folders,  # type: ignore[arg-type]
        **single,  # type: ignore[arg-type]
    )


def _values(item: Override) -> list[Any]:
    """The values of an override; a comma-separated list gives several."""
    return list(item.sweep_iterator()) if item.is_sweep_override() else [item.value()]


def runs_in(path: Path) -> list[Path]:
    """The run folder itself, or the successful runs of a sweep's folder, in order."""
    if RunFiles(path).config.is_file() or not path.is_dir():
        return [path]
    runs = [file.parent for file in path.glob(f"*/{RunFiles(path).config.name}")]
    runs = [run for run in runs if RunFiles(run).done.exists() or not RunFiles(run).failed.exists()]
    return sorted(runs, key=lambda run: (len(run.name), run.name)) or [path]


def run_config(folder: RunFolder, given: Arguments) -> tuple[Path, DictConfig]:
    """The checkpoint to evaluate, and the run's config with the overrides applied.

    Raises:
        UserError: the checkpoint is missing, or an override is invalid.
    """
    saved = folder.read_config()
    config = copy.deepcopy(saved)
    checkpoint = folder.checkpoints / f"{given.checkpoint}.ckpt"
    if not checkpoint.is_file():
        raise UserError(f"{checkpoint} is missing; choose checkpoint=last or checkpoint=best.")
    if given.data is not None:
        config.data = _other_data(given.data, config)
    _add_protocol(config, given)
    for key, value in given.overrides.items():
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
        hint = f"did you mean {nearest}? " if nearest else ""
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
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        composed = compose("train", [*own, *plain])
    config = OmegaConf.create({part: composed[part] for part in PARTS})
    _add_protocol(config, given)
    for key, value in given.overrides.items():
        if key.startswith("protocol."):
            _override(config, key, value)
    return config


def _add_protocol(config: DictConfig, given: Arguments) -> None:
    """Add the chosen protocol, for the config's tasks, and the chosen reference to the config."""
    protocol = _read("protocol", given.protocol)
    for part in ("metrics", "headlines", "subsets"):
        for task in list(protocol[part]):
            if task not in config.tasks:
                del protocol[part][task]
    config.protocol = protocol
    if given.reference is not None:
        config.training.reference = _read("reference", given.reference)
    OmegaConf.set_struct(config, True)


def _read(group: str, name: str) -> DictConfig:
    path = CONFIGS / group / f"{name}.yaml"
    if not path.is_file():
        options = ", ".join(sorted(path.stem for path in (CONFIGS / group).glob("*.yaml")))
        raise UserError(f"{group}={name} is unknown; choose one of {options}.")
    content = OmegaConf.load(path)
    assert isinstance(content, DictConfig)
    return content


def _other_data(name: str, config: DictConfig) -> DictConfig:
    """Another data set's config, with the input size of the run."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        composed = compose("train", [f"data={name}", f"seed={config.seed}"])
    data = OmegaConf.create({"seed": config.seed, "data": composed.data}).data
    data.image_size = config.data.image_size
    resolved = OmegaConf.create(OmegaConf.to_container(data, resolve=True))
    assert isinstance(resolved, DictConfig)
    return resolved
