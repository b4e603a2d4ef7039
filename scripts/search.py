"""Search hyper-parameters: `python scripts/search.py folder=DIR trials=20 metric=KEY ...`.

See docs/search.md, e.g. 'training.optimizer.lr=log(1e-4,1e-2)' 'model.adapter.rank=choice(1,2,4)'.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import exit_if_asked_for_help
from mtl_ase.config import exit_on_wrong_use
from mtl_ase.search.command_line import USAGE, read_command_line


def main(arguments: Sequence[str]) -> int:
    """Import torch and search, once the command line is known to be right."""
    exit_if_asked_for_help(arguments, USAGE)
    read_command_line(arguments)
    from mtl_ase.commands.search import search

    return search(arguments)


if __name__ == "__main__":
    sys.exit(exit_on_wrong_use(lambda: main(sys.argv[1:])))
