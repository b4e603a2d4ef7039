"""The command line of evaluate.py."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.commands.options import exit_if_asked_for_help

USAGE = (
    "python evaluate.py run=RUN_DIR[,RUN_DIR ...] [checkpoint=last|best] or predictions=DIR "
    "[tasks=[NAME,...]] [data=NAME] [data.root=DIR] [protocol=astmt|invpt] [reference=NAME]"
)
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


def read_arguments(arguments: Sequence[str]) -> Arguments:
    """Parse the command line; print the usage and exit if that is asked for.

    Raises:
        UserError: neither or both of run= and predictions= are given, or a folder contains no run.
    """
    exit_if_asked_for_help(arguments, USAGE)
    if not arguments:
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
