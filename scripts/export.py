"""Export a run's network: `python scripts/export.py run=RUN_DIR output=DIR format=NAME`."""

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.export_arguments import read_arguments
from mtl_ase.config import exit_on_wrong_use


def main(arguments: Sequence[str]) -> None:
    """Import torch and export, once the command line is known to be right."""
    read_arguments(arguments)
    from mtl_ase.commands.export import export

    export(arguments)


if __name__ == "__main__":
    exit_on_wrong_use(lambda: main(sys.argv[1:]))
