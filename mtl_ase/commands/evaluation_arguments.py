"""The command line of evaluate.py."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from mtl_ase.base.errors import UserError
from mtl_ase.base.installation import program
from mtl_ase.base.run_files import RunFiles
from mtl_ase.commands.options import exit_if_asked_for_help
from mtl_ase.config import take_own_parts
from mtl_ase.config.own_parts import SEARCH_PATH
from mtl_ase.config.own_parts import USAGE as OWN_PARTS

USAGE = (
    f"{program('evaluate')} run=RUN_DIR[,RUN_DIR ...] [checkpoint=last|best] or predictions=DIR "
    "[tasks=[NAME,...]] [data=NAME] [data.root=DIR] [protocol=astmt|invpt] [reference=NAME] "
    f"{OWN_PARTS}"
)
USES = {"name": "run=", "out": "run=", "checkpoint": "predictions="}
OWN = ("run", "predictions", "checkpoint", "protocol", "reference", "data", "name", "out")
"""Keys of this command line; all others are overrides."""
OPTIONS = ("--help", "--config-dir", "--trust")


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
        config_dir: folder of the user's own configs, or None.
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
    config_dir: Path | None = None


def read_arguments(arguments: Sequence[str]) -> Arguments:
    """Parse the command line; print the usage and exit if that is asked for.

    Raises:
        UserError: neither or both of run= and predictions= are given, or a folder contains no run.
    """
    exit_if_asked_for_help(arguments, USAGE)
    arguments = take_own_parts(arguments)
    if not arguments:
        raise UserError(f"usage: {USAGE}")
    _refuse_options(arguments)
    parsed = OverridesParser.create().parse_overrides(list(arguments))
    values = {item.key_or_group: _values(item) for item in parsed}
    own = {key: values.pop(key) for key in OWN if key in values}
    searched = values.pop(SEARCH_PATH, [[]])[0]
    for key, several in own.items():
        if key != "run" and len(several) > 1:
            raise UserError(f"{key} takes one value; usage: {USAGE}")
    for key in ("name", "out") if "run" in own else ("checkpoint",):
        if key in own:
            raise UserError(f"{key} does not go with {USES[key]}; leave it out. Usage: {USAGE}")
    single = {key: str(several[0]) for key, several in own.items() if key != "run"}
    if ("run" in own) == ("predictions" in own):
        meant = next((hint for key in values if (hint := meant_key(key))), "")
        raise UserError(f"give either run=RUN_DIR or predictions=DIR; {meant}usage: {USAGE}")
    folders = {
        key: Path(single.pop(key)).expanduser() for key in ("predictions", "out") if key in single
    }
    runs = [Path(str(path)).expanduser() for path in own.get("run", [])]
    return Arguments(
        runs=list(itertools.chain.from_iterable(map(runs_in, runs))),
        overrides={key: several[0] for key, several in values.items()},
        plain=[
            item.input_line or "" for item in parsed if item.key_or_group not in (*OWN, SEARCH_PATH)
        ],
        config_dir=Path(searched[0].removeprefix("file://")) if searched else None,
        **folders,  # type: ignore[arg-type]
        **single,  # type: ignore[arg-type]
    )


def meant_key(typed: str, known: Iterable[str] = OWN) -> str:
    """E.g. "did you mean run=? ", for a misspelt key of this command line; else nothing."""
    close = [] if "." in typed else difflib.get_close_matches(typed, known, n=1)
    return f"did you mean {close[0]}=? " if close else ""


def _refuse_options(arguments: Sequence[str]) -> None:
    """Refuse what begins with a dash, now that the options are taken over."""
    for argument in arguments:
        if argument.startswith("-"):
            option = argument.partition("=")[0]
            known = {f"--{name}": f"{name}=" for name in OWN} | {name: name for name in OPTIONS}
            close = difflib.get_close_matches(option, known, n=1)
            hint = f"did you mean {known[close[0]]}? " if close else ""
            raise UserError(f"{option} is no option; {hint}usage: {USAGE}")


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
