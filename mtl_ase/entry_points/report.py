"""Write a page about a run, a sweep, a suite, or several runs; see `--help`."""

import sys
from collections.abc import Sequence

from mtl_ase.commands.options import exit_if_asked_for_help
from mtl_ase.commands.report_arguments import USAGE, Arguments
from mtl_ase.config import exit_on_wrong_use
from mtl_ase.config.own_parts import take_trust


def report(arguments: Sequence[str]) -> None:
    """Import torch and write the page, once the command line is known to be right."""
    exit_if_asked_for_help(arguments, USAGE)
    parsed = Arguments.parse(take_trust(arguments))
    from mtl_ase.commands.report import report

    print(f"report: {report(parsed)}")


def main() -> None:
    """Run the program."""
    exit_on_wrong_use(lambda: report(sys.argv[1:]))
