"""Make a table or figure of the paper; see `--help`."""

import sys
from collections.abc import Sequence

from mtl_ase.commands.options import exit_if_asked_for_help
from mtl_ase.config import exit_on_wrong_use, take_own_parts
from mtl_ase.suites.arguments import USAGE, Arguments


def reproduce(arguments: Sequence[str]) -> int:
    """Train what is missing, then print the table; exit code 1 if a run failed."""
    exit_if_asked_for_help(arguments, USAGE)
    parsed = Arguments.parse(take_own_parts(arguments))
    from mtl_ase.suites.command import reproduce

    return reproduce(parsed)


def main() -> None:
    """Run the program."""
    sys.exit(exit_on_wrong_use(lambda: reproduce(sys.argv[1:])))
