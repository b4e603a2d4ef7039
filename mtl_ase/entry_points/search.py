"""Search hyper-parameters.

E.g. 'training.optimizer.lr=log(1e-4,1e-2)' 'model.adapter.rank=choice(1,2,4)'; see `--help`.
"""

import sys
from collections.abc import Sequence

from mtl_ase.commands.options import exit_if_asked_for_help
from mtl_ase.config import exit_on_wrong_use, take_own_parts
from mtl_ase.search.command_line import USAGE, read_command_line


def search(arguments: Sequence[str]) -> int:
    """Import torch and search, once the command line is known to be right."""
    exit_if_asked_for_help(arguments, USAGE)
    arguments = take_own_parts(arguments)
    read_command_line(arguments)
    from mtl_ase.commands.search import search

    return search(arguments)


def main() -> None:
    """Run the program."""
    sys.exit(exit_on_wrong_use(lambda: search(sys.argv[1:])))
