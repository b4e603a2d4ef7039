"""Score a run: `python evaluate.py run=RUN_DIR [data=NAME data.root=DIR]`."""

import sys
from collections.abc import Sequence

from mtl_ase.commands.evaluation_arguments import read_arguments
from mtl_ase.config import exit_on_wrong_use


def main(arguments: Sequence[str]) -> None:
    """Import torch and evaluate, once the command line is known to be right."""
    read_arguments(arguments)
    from mtl_ase.commands.evaluate import evaluate

    evaluate(arguments)


if __name__ == "__main__":
    exit_on_wrong_use(lambda: main(sys.argv[1:]))
