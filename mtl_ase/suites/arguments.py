"""The command line of reproduce.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtl_ase.base.errors import UserError
from mtl_ase.base.installation import program
from mtl_ase.config.own_parts import USAGE as OWN_PARTS
from mtl_ase.suites.suite import suite_names


def usage(name: str, suite: str) -> str:
    """The usage of a program that trains a suite.

    Args:
        name: of the program.
        suite: how the help names the suite.
    """
    return (
        f"{program(name)} {suite} [setting=scenes|pascal] [seeds=0,1,2] [quick=true] "
        "[budget=NAME] [rows=NAME,NAME] [at_once=N] [output=DIR] [costs=false] [dry_run=true] "
        f"[export=make|slurm] {OWN_PARTS} [KEY=VALUE of train.py ...]"
    )


USAGE = usage("reproduce", "SUITE")
EXPORTS = ("make", "slurm")
KEYS = (
    *("setting", "seeds", "quick", "budget", "rows", "at_once", "output", "costs", "dry_run"),
    "export",
)
"""Keys of this command; all others are overrides of train.py."""


@dataclass(frozen=True)
class Arguments:
    """The command line.

    Attributes:
        suite: name of the suite, or the path of its file.
        setting: name of the setting.
        seeds: of the runs; None: the suite's own.
        budget: name of a budget of the setting; None: the suite's own.
        rows: the rows to train; empty for all.
        at_once: trainings at once; None: as many as the machine has room for.
        output: folder of runs, results, table and figure.
        costs: time the steps of all rows, where the suite's table has them.
        dry_run: print the commands instead of running them.
        export: format of a file with the commands, instead of running them.
        given: overrides for all runs.
    """

    suite: str
    setting: str = "scenes"
    seeds: tuple[int, ...] | None = None
    budget: str | None = None
    rows: tuple[str, ...] = ()
    at_once: int | None = None
    output: Path = Path("runs/reproduce")
    costs: bool = True
    dry_run: bool = False
    export: str | None = None
    given: tuple[str, ...] = ()

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Arguments:
        """Read the command line.

        Raises:
            UserError: it is wrong.
        """
        suite, *rest = arguments or [""]
        if not suite or "=" in suite:
            raise UserError(f"usage: {USAGE}, SUITE one of {', '.join(suite_names())}")
        values, given = {}, []
        for argument in rest:
            key, _, value = argument.partition("=")
            if key in KEYS:
                values[key] = value
            else:
                given.append(argument)
        quick = _flag(values, "quick")
        if quick and "budget" in values:
            raise UserError("quick=true is budget=quick; give one of the two.")
        if values.get("export", "make") not in EXPORTS:
            raise UserError(f"export={values['export']} is none of {', '.join(EXPORTS)}.")
        seeds = values.get("seeds", "0" if quick else "")
        return cls(
            suite=suite,
            setting=values.get("setting", cls.setting),
            seeds=_numbers(seeds, "seeds") if seeds else None,
            budget=values.get("budget", "quick" if quick else None),
            rows=tuple(filter(None, values.get("rows", "").split(","))),
            at_once=_numbers(values["at_once"], "at_once")[0] if "at_once" in values else None,
            output=Path(values.get("output", cls.output)),
            costs=_flag(values, "costs", "true"),
            dry_run=_flag(values, "dry_run"),
            export=values.get("export"),
            given=tuple(given),
        )


def _flag(values: Mapping[str, str], key: str, default: str = "false") -> bool:
    value = values.get(key, default)
    if value not in ("true", "false"):
        raise UserError(f"{key}={value} is neither true nor false.")
    return value == "true"


def _numbers(text: str, key: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(map(str.isdigit, parts)):
        raise UserError(f"{key}={text} is no list of numbers, e.g. {key}=0,1,2.")
    return tuple(map(int, parts))
