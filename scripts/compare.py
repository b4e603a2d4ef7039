"""Compare methods, over a baseline: scores, and what a training step costs.

`... balancing|adapters|branch_block [setting=scenes] [seeds=0,1] [methods=NAME,NAME] ...` is
`reproduce.py` with that suite and `output=runs/compare/NAME`; `methods` is its `rows`.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.base.errors import UserError
from mtl_ase.commands.options import exit_if_asked_for_help
from mtl_ase.config import exit_on_wrong_use
from mtl_ase.suites.arguments import USAGE, Arguments

COMPARISONS = ("balancing", "adapters", "branch_block")


def main(arguments: list[str]) -> int:
    """Train what is missing, then print the table; exit code 1 if a run failed."""
    usage = USAGE.replace("reproduce.py SUITE", f"compare.py {'|'.join(COMPARISONS)}")
    usage = usage.replace("rows=", "methods=")
    exit_if_asked_for_help(arguments, usage)
    what, *given = arguments or [""]
    if what not in COMPARISONS:
        raise UserError(f"usage: {usage}")
    given = [re.sub("^methods=", "rows=", argument) for argument in given]
    if not any(argument.startswith("output=") for argument in given):
        given.append(f"output=runs/compare/{what}")
    parsed = Arguments.parse([what, *given])
    from mtl_ase.suites.command import reproduce

    return reproduce(parsed)


if __name__ == "__main__":
    exit_on_wrong_use(lambda: sys.exit(main(sys.argv[1:])))
