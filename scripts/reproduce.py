"""Make a table or figure of the paper: `python scripts/reproduce.py table1 setting=scenes`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import exit_if_asked_for_help
from mtl_ase.config import exit_on_wrong_use
from mtl_ase.suites.arguments import USAGE, Arguments


def main(arguments: list[str]) -> None:
    """Train what is missing, then print the table; exit code 1 if a run failed."""
    exit_if_asked_for_help(arguments, USAGE)
    parsed = Arguments.parse(arguments)
    from mtl_ase.suites.command import reproduce

    sys.exit(reproduce(parsed))


if __name__ == "__main__":
    exit_on_wrong_use(lambda: main(sys.argv[1:]))
