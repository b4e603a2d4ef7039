"""Write a run, a sweep or several runs as a page: `python scripts/report.py run=RUN[,RUN ...]`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import exit_if_asked_for_help
from mtl_ase.commands.report_arguments import USAGE, Arguments
from mtl_ase.config import exit_on_wrong_use


def main(arguments: list[str]) -> None:
    """Import torch and write the page, once the command line is known to be right."""
    exit_if_asked_for_help(arguments, USAGE)
    parsed = Arguments.parse(arguments)
    from mtl_ase.commands.report import report

    print(f"report: {report(parsed)}")


if __name__ == "__main__":
    exit_on_wrong_use(lambda: main(sys.argv[1:]))
