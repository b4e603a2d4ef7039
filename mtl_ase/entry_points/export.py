"""Export a run's network as adapters, PEFT, ONNX or a torch program; see `--help`."""

import sys
from collections.abc import Sequence

from mtl_ase.commands.export_arguments import read_arguments
from mtl_ase.config import exit_on_wrong_use
from mtl_ase.config.own_parts import take_trust


def export(arguments: Sequence[str]) -> None:
    """Import torch and export, once the command line is known to be right."""
    arguments = take_trust(arguments)
    read_arguments(arguments)
    from mtl_ase.commands.export import export

    export(arguments)


def main() -> None:
    """Run the program."""
    exit_on_wrong_use(lambda: export(sys.argv[1:]))
