"""The command line of a search, taken apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from hydra.core.override_parser.overrides_parser import OverridesParser

from mtl_ase.base.errors import UserError
from mtl_ase.search.space import Dimension, read_dimension

Direction = Literal["maximize", "minimize"]
USAGE = (
    "python scripts/search.py folder=DIR trials=N metric=KEY [direction=maximize|minimize] "
    "[seed=N] 'KEY=log(A,B)' 'KEY=uniform(A,B)' 'KEY=int(A,B)' 'KEY=choice(A,B,...)' [overrides]"
)
OWN = ("folder", "trials", "metric", "direction", "seed")
NEEDED = ("folder", "trials", "metric")
TAKEN = ("run_dir", "resume")


@dataclass(frozen=True)
class CommandLine:
    """What is searched.

    Attributes:
        folder: of the search.
        trials: how many shall be finished, those of earlier starts included.
        metric: key of metrics.json, or val/loss.
        direction: None for the metric's own.
        seed: of the proposals.
        space: what is tried, by key.
        fixed: the overrides that all trials share, as they were typed.
    """

    folder: Path
    trials: int
    metric: str
    direction: Direction | None
    seed: int
    space: Mapping[str, Dimension]
    fixed: tuple[str, ...]

    def settings(self) -> dict[str, str]:
        """What makes it this search and no other, by key."""
        own = {"metric": self.metric, "direction": self.direction or "", "seed": str(self.seed)}
        fixed = dict(argument.partition("=")[::2] for argument in self.fixed)
        return own | fixed | {key: str(dimension) for key, dimension in self.space.items()}


def read_command_line(arguments: Sequence[str]) -> CommandLine:
    """Take it apart.

    Raises:
        UserError: a key is missing, given twice or not the user's; a value does not fit.
    """
    if not arguments or any(argument.startswith("-") for argument in arguments):
        raise UserError(f"usage: {USAGE}")
    own: dict[str, str] = {}
    space: dict[str, Dimension] = {}
    fixed: list[str] = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        dimension = None if key in OWN else read_dimension(key, value)
        if key in own or key in space:
            raise UserError(f"{key} is given twice; leave one out.")
        if key.lstrip("+") in TAKEN:
            raise UserError(f"{key} is set for every trial; leave it out and give folder=DIR.")
        if key in OWN:
            own[key] = value
        elif dimension is not None:
            space[key] = dimension
        else:
            fixed.append(argument)
    _check(own, space, fixed)
    return CommandLine(
        folder=Path(own["folder"]).expanduser(),
        trials=_number("trials", own["trials"], least=1),
        metric=own["metric"],
        direction=cast(Direction, own["direction"]) if "direction" in own else None,
        seed=_number("seed", own.get("seed", "0"), least=0),
        space=space,
        fixed=tuple(fixed),
    )


def _check(own: Mapping[str, str], space: Mapping[str, Dimension], fixed: Sequence[str]) -> None:
    for key in NEEDED:
        if not own.get(key):
            raise UserError(f"{key}= is missing; usage: {USAGE}")
    if own.get("direction", "maximize") not in ("maximize", "minimize"):
        raise UserError(f"direction={own['direction']} is unknown; choose maximize or minimize.")
    if not space:
        raise UserError(
            "there is nothing to search; give a range or a choice, e.g. "
            "'training.optimizer.lr=log(1e-4,1e-2)'."
        )
    for argument in fixed:
        key = argument.partition("=")[0]
        if key in space:
            raise UserError(f"{key} is given twice; leave one out.")
    for override in OverridesParser.create().parse_overrides(list(fixed)):
        if override.is_sweep_override():
            raise UserError(
                f"{override.input_line} is of a sweep; to search over it, write "
                f"{override.key_or_group}=choice(A,B,...)."
            )


def _number(key: str, text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise UserError(f"{key}={text} is no whole number from {least} on; give one.")
    return int(text)
