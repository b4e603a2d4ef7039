"""The command line of predict.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mtl_ase.base.errors import UserError
from mtl_ase.base.installation import program
from mtl_ase.commands.evaluation_arguments import meant_key
from mtl_ase.commands.options import exit_if_asked_for_help
from mtl_ase.config.own_parts import take_trust

if TYPE_CHECKING:  # these modules import torch
    from mtl_ase.evaluation.prediction_files import FileFormat
    from mtl_ase.inference.loading import Checkpoint

USAGE = (
    f"{program('predict')} run=RUN_DIR input=FILE|DIR|PATTERN|LIST.txt|VIDEO[,...] output=DIR "
    "[tasks=[NAME,...]] [mode=resized|windows] [zoom=2|native] [overlap=0.5] [batch_size=4] "
    "[files=exact|png|npy] [checkpoint=last|best] [device=cpu|cuda] [precision=32-true] "
    "[activate_first=true] [--trust=MODULE,...]"
)


@dataclass
class PredictArguments:
    """The parsed command line.

    Attributes:
        run: a run folder, or a checkpoint.
        input: files, folders, patterns, lists and videos.
        output: folder of the results.
        tasks: tasks to predict; None: all of the run.
        mode: "resized", or "windows" to slide over each picture.
        zoom: see `SlidingWindows`; None: native.
        overlap: see `SlidingWindows`.
        batch_size: pictures, or windows, that are computed at once.
        files: format of the prediction files, see `FileFormat`.
        checkpoint: "last" or "best".
        device: "cpu", "cuda", "cuda:1", ...; None: a GPU if there is one.
        precision: see `load`.
        activate_first: see `Model`.
    """

    run: str = ""
    input: list[str] = field(default_factory=list)
    output: Path = Path()
    tasks: list[str] | None = None
    mode: Literal["resized", "windows"] = "resized"
    zoom: float | None = 2.0
    overlap: float = 0.5
    batch_size: int = 4
    files: FileFormat = "exact"
    checkpoint: Checkpoint = "last"
    device: str | None = None
    precision: str | None = None
    activate_first: bool = False


REQUIRED = ("run", "input", "output")


def read_predict_arguments(arguments: Sequence[str]) -> PredictArguments:
    """Parse the command line; print the usage and exit if that is asked for.

    Paths are taken as they are typed, without Hydra's grammar: names of photos have spaces and
    brackets.

    Raises:
        UserError: a key is unknown or missing, or a value is none of the key's.
    """
    exit_if_asked_for_help(arguments, USAGE)
    given: dict[str, Any] = {}
    for argument in take_trust(arguments):
        key, equals, text = argument.partition("=")
        if not equals or key not in READERS:
            raise UserError(f"{argument} is no option; {meant_key(key, READERS)}usage: {USAGE}")
        given[key] = READERS[key](key, text)
    if missing := [f"{key}=" for key in REQUIRED if not given.get(key)]:
        raise UserError(f"{' and '.join(missing)} must be given; usage: {USAGE}")
    return PredictArguments(**given)


def _text(key: str, text: str) -> str:
    if not text:
        raise UserError(f"{key}= has no value; usage: {USAGE}")
    return text


def _folder(key: str, text: str) -> Path:
    return Path(_text(key, text)).expanduser()


def _paths(key: str, text: str) -> list[str]:
    """One path, or several with commas between them, unless a file's name has the comma."""
    if Path(_text(key, text)).expanduser().exists():
        return [text]
    return [part for part in text.split(",") if part]


def _names(key: str, text: str) -> list[str]:
    names = [name.strip() for name in text.strip("[]").split(",")]
    return [_text(key, name) for name in names]


def _one_of(*choices: str) -> Callable[[str, str], str]:
    def read(key: str, text: str) -> str:
        if text not in choices:
            raise UserError(f"{key}={text} is unknown; choose {' or '.join(choices)}.")
        return text

    return read


def _number(kind: type[int] | type[float], least: float, most: float) -> Callable[[str, str], Any]:
    def read(key: str, text: str) -> Any:
        try:
            number = kind(text)
        except ValueError:
            number = kind(least - 1)
        if not least <= number <= most:
            bounds = f"from {least:g} to {most:g}" if most < LARGE else f"from {least:g} on"
            raise UserError(f"{key}={text} is no number {bounds}; correct it.")
        return number

    return read


def _zoom(key: str, text: str) -> float | None:
    return None if text == "native" else _number(float, 1, LARGE)(key, text)


def _flag(key: str, text: str) -> bool:
    return _one_of("true", "false")(key, text) == "true"


LARGE = 1e6
READERS: dict[str, Callable[[str, str], Any]] = {
    "run": _text,
    "input": _paths,
    "output": _folder,
    "tasks": _names,
    "mode": _one_of("resized", "windows"),
    "zoom": _zoom,
    "overlap": _number(float, 0, 0.95),
    "batch_size": _number(int, 1, LARGE),
    "files": _one_of("exact", "png", "npy"),
    "checkpoint": _one_of("last", "best"),
    "device": _text,
    "precision": _one_of("32-true", "bf16-mixed", "16-mixed"),
    "activate_first": _flag,
}
"""How the value of each key is read."""
