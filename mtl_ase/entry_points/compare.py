"""Compare methods, over a baseline: scores, and what a training step costs.

`... balancing|adapters|branch_block [setting=scenes] [seeds=0,1] [methods=NAME,NAME] ...` is
`reproduce` with that suite and `output=runs/compare/NAME`; `methods` is its `rows`.
"""

import re
import sys
from collections.abc import Sequence

from mtl_ase.base.errors import UserError
from mtl_ase.commands.options import exit_if_asked_for_help
from mtl_ase.config import exit_on_wrong_use, take_own_parts
from mtl_ase.suites.arguments import Arguments, usage

COMPARISONS = ("balancing", "adapters", "branch_block")
USAGE = usage("compare", "|".join(COMPARISONS)).replace("rows=", "methods=")


def compare(arguments: Sequence[str]) -> int:
    """Train what is missing, then print the table; exit code 1 if a run failed."""
    exit_if_asked_for_help(arguments, USAGE)
    what, *given = take_own_parts(arguments) or [""]
    if what not in COMPARISONS:
        raise UserError(f"usage: {USAGE}")
    given = [re.sub("^methods=", "rows=", argument) for argument in given]
    if not any(argument.startswith("output=") for argument in given):
        given.append(f"output=runs/compare/{what}")
    parsed = Arguments.parse([what, *given])
    from mtl_ase.suites.command import reproduce

    return reproduce(parsed)


def main() -> None:
    """Run the program."""
    sys.exit(exit_on_wrong_use(lambda: compare(sys.argv[1:])))
