"""Configs and code of the user's own, on the command lines of all programs.

`--config-dir=DIR` adds a folder of configs, and `--trust=MODULE,...` says that the `_target_`s of
configs may name these modules. Only a command line can say so: a config, a run folder or a
checkpoint from elsewhere can't. Child processes (jobs, trials, ranks) inherit the trust.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mtl_ase.base.errors import UserError
from mtl_ase.launch.child_training import quoted

VARIABLE = "MTL_ASE_TRUST"
"""Environment variable with the trusted modules, separated by commas."""
CONFIG_DIR = ("--config-dir", "-cd")
SEARCH_PATH = "hydra.searchpath"
USAGE = "[--config-dir=DIR] [--trust=MODULE,...]"
HELP = """--config-dir=DIR    your own configs, as in DIR/experiment/mine.yaml
--trust=MODULE,...  your own code that configs may name, as in --trust=my_adapters"""


def take_own_parts(arguments: Sequence[str]) -> list[str]:
    """Take over both options; return the other arguments, and the override for the folder.

    Raises:
        UserError: there is no such folder, or a name is none of a module.
    """
    rest = take_trust(arguments)
    others, folders = _without(rest, *CONFIG_DIR), list(_given(rest, *CONFIG_DIR))
    return [*others, *map(search_path, map(Path, folders[-1:]))]


def take_trust(arguments: Sequence[str]) -> list[str]:
    """Trust the modules of `--trust` in this process and its children; return the others.

    With the option, modules are found in the working folder too, after all that are installed.

    Raises:
        UserError: a name is none of a module of the user's own.
    """
    given = list(_given(arguments, "--trust"))
    if "" in given:
        raise UserError("--trust names no module; write e.g. --trust=my_adapters.")
    if given:
        os.environ[VARIABLE] = ",".join(given)
    here = str(Path.cwd())
    if trusted_modules() and here not in sys.path:
        sys.path.append(here)
    return _without(arguments, "--trust")


def trusted_modules() -> list[str]:
    """The modules that the command line trusts.

    Raises:
        UserError: a name is none of a module of the user's own.
    """
    names = [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
    for name in names:
        if not all(part.isidentifier() for part in name.split(".")):
            raise UserError(f"--trust={name} names no module; write e.g. --trust=my_adapters.")
        if name.partition(".")[0] in sys.stdlib_module_names:
            raise UserError(f"--trust={name} is Python's own; name modules of your own code.")
    return names


def trusted_prefixes() -> tuple[str, ...]:
    """Prefixes of the `_target_`s that the command line trusts."""
    return tuple(f"{name}." for name in trusted_modules())


def trust_options() -> list[str]:
    """The trust as options, for a command line that is printed."""
    names = trusted_modules()
    return [f"--trust={','.join(names)}"] if names else []


def search_path(folder: Path) -> str:
    """The override by which Hydra finds the configs of a folder.

    Raises:
        UserError: there is no such folder.
    """
    path = folder.expanduser().absolute()
    if not path.is_dir():
        raise UserError(f"--config-dir={folder} is no folder; give the one with your configs.")
    return f"{SEARCH_PATH}=[{quoted(path)}]".replace("['", "['file://")


def _given(arguments: Sequence[str], *names: str) -> Iterator[str]:
    """The values of an option, written --name=VALUE or --name VALUE."""
    for argument, after in itertools.pairwise([*arguments, ""]):
        name, equals, value = argument.partition("=")
        if name in names:
            yield value if equals else after


def _without(arguments: Sequence[str], *names: str) -> list[str]:
    """The arguments without an option and its value."""
    return [
        argument
        for previous, argument in itertools.pairwise(["", *arguments])
        if argument.partition("=")[0] not in names and previous not in names
    ]
