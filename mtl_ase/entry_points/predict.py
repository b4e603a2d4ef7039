"""Predict pictures and videos; see `--help`."""

import sys
from collections.abc import Sequence

from mtl_ase.commands.predict_arguments import read_predict_arguments
from mtl_ase.config import exit_on_wrong_use


def predict(arguments: Sequence[str]) -> None:
    """Import torch and predict, once the command line is known to be right."""
    given = read_predict_arguments(arguments)
    from mtl_ase.commands.predict import predict

    problems = predict(given)
    for problem in problems:
        print(f"skipped: {problem}", file=sys.stderr)
    if problems:
        sys.exit(1)


def main() -> None:
    """Run the program."""
    exit_on_wrong_use(lambda: predict(sys.argv[1:]))
