"""Parsing the command line of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from hydra.core.override_parser.overrides_parser import OverridesParser

from mtl_ase.base.errors import UserError
from mtl_ase.base.installation import program
from mtl_ase.config.own_parts import USAGE as OWN_PARTS
from mtl_ase.search.space import Dimension, read_dimension

Direction = Literal["maximize", "minimize"]
USAGE = (
    f"{program('search')} folder=DIR trials=N metric=KEY [direction=maximize|minimize] "
    "[seed=N] 'KEY=log(A,B)' 'KEY=uniform(A,B)' 'KEY=int(A,B)' 'KEY=choice(A,B,...)' "
    f"{OWN_PARTS} [overrides]"
)
OWN_KEYS = ("folder", "trials", "metric", "direction", "seed")
"""Arguments of the search itself; all others are ranges, choices or overrides of train.py."""
REQUIRED_KEYS = ("folder", "trials", "metric")
RESERVED_KEYS = ("run_dir", "resume")
"""Overrides that the search sets for every trial."""


@dataclass(frozen=True)
class CommandLine:
    """The parsed command line of a search.

    Attributes:
        folder: the folder of the search.
        trials: number of trials to finish, including those of earlier starts.
        metric: key in metrics.json, or "val/loss".
        direction: "maximize" or "minimize"; None to use the metric's own direction.
        seed: seed of the sampler that proposes values.
        space: the search space: a range or choice for every searched config key.
        shared_overrides: overrides of train.py that all trials share, as typed.
    """

    folder: Path
    trials: int
    metric: str
    direction: Direction | None
    seed: int
    space: Mapping[str, Dimension]
    shared_overrides: tuple[str, ...]

    def settings(self) -> dict[str, str]:
        """Everything that must stay the same when a search is continued, as text by key."""
        own = {"metric": self.metric, "direction": self.direction or "", "seed": str(self.seed)}
        shared = dict(override.partition("=")[::2] for override in self.shared_overrides)
        return own | shared | {key: str(dimension) for key, dimension in self.space.items()}


def read_command_line(arguments: Sequence[str]) -> CommandLine:
    """Parse the arguments of scripts/search.py, which `USAGE` describes.

    Raises:
        UserError: a key is missing, given twice or reserved for the search; a value is invalid.
    """
    if not arguments or any(argument.startswith("-") for argument in arguments):
        raise UserError(f"usage: {USAGE}")
    own: dict[str, str] = {}
    space: dict[str, Dimension] = {}
    shared: list[str] = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        dimension = None if key in OWN_KEYS else read_dimension(key, value)
        if key in own or key in space:
            raise UserError(f"{key} is given twice; leave one out.")
        if key.lstrip("+") in RESERVED_KEYS:
            raise UserError(f"{key} is set for every trial; leave it out and give folder=DIR.")
        if key in OWN_KEYS:
            own[key] = value
        elif dimension is not None:
            space[key] = dimension
        else:
            shared.append(argument)
    _check(own, space, shared)
    return CommandLine(
        folder=Path(own["folder"]).expanduser(),
        trials=_number("trials", own["trials"], least=1),
        metric=own["metric"],
        direction=cast(Direction, own["direction"]) if "direction" in own else None,
        seed=_number("seed", own.get("seed", "0"), least=0),
        space=space,
        shared_overrides=tuple(shared),
    )


def _check(own: Mapping[str, str], space: Mapping[str, Dimension], shared: Sequence[str]) -> None:
    for key in REQUIRED_KEYS:
        if not own.get(key):
            raise UserError(f"{key}= is missing; usage: {USAGE}")
    if own.get("direction", "maximize") not in ("maximize", "minimize"):
        raise UserError(f"direction={own['direction']} is unknown; choose maximize or minimize.")
    if not space:
        raise UserError(
            "there is nothing to search; give a range or a choice, e.g. "
            "'training.optimizer.lr=log(1e-4,1e-2)'."
        )
    for argument in shared:
        key = argument.partition("=")[0]
        if key in space:
            raise UserError(f"{key} is given twice; leave one out.")
    for override in OverridesParser.create().parse_overrides(list(shared)):
        if override.is_sweep_override():
            raise UserError(
                f"{override.input_line} is a sweep, which a search can't run; write "
                f"{override.key_or_group}=choice(A,B,...)."
            )


def _number(key: str, text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise UserError(f"{key}={text} is no whole number; give {least} or more.")
    return int(text)
