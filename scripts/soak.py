"""Measure memory and open files of a long training: `python scripts/soak.py steps=2000`."""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.base.errors import UserError
from mtl_ase.commands.options import exit_if_asked_for_help
from mtl_ase.config import exit_on_wrong_use

USAGE = "python scripts/soak.py steps=2000 (100 or more)"
MAX_MEGABYTES_PER_100_STEPS = 1.0


def main(arguments: list[str]) -> None:
    """Print the figures; exit code 1 if memory grows by 1 MB per 100 steps, or open files grow."""
    exit_if_asked_for_help(arguments, USAGE)
    match [argument.partition("=")[::2] for argument in arguments]:
        case [("steps", text)] if text.isdigit() and int(text) >= 100:
            steps = int(text)
        case _:
            raise UserError(f"usage: {USAGE}")
    from mtl_ase.tools.soak import soak

    with tempfile.TemporaryDirectory() as folder:
        figures = soak(Path(folder), steps)
    print(json.dumps(figures, indent=1))
    early, late = figures["open_files"]
    if figures["megabytes_per_100_steps"] >= MAX_MEGABYTES_PER_100_STEPS or late > early:
        sys.exit(1)


if __name__ == "__main__":
    exit_on_wrong_use(lambda: main(sys.argv[1:]))
