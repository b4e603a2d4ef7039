"""Score runs, or prediction files; see `--help`."""

import sys
from collections.abc import Sequence

from mtl_ase.commands.evaluation_arguments import read_arguments
from mtl_ase.config import exit_on_wrong_use


def evaluate(arguments: Sequence[str]) -> None:
    """Import torch and evaluate, once the command line is known to be right."""
    read_arguments(arguments)
    from mtl_ase.commands.evaluate import evaluate

    evaluate(arguments)


def main() -> None:
    """Run the program."""
    exit_on_wrong_use(lambda: evaluate(sys.argv[1:]))
