"""Time the training step of several checkouts, alternately: `... OLD NEW [KEY=VALUE ...]`.

Each is a folder with this repository at some commit. Every step runs in the precision that a
training of its checkout would take; the last line is the first checkout's step over the last's.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import Options, count, make_folder
from mtl_ase.config import exit_on_wrong_use


def main(given: list[str], rounds: int, file: Path | None) -> None:
    """Print the comparison, and write it to a file."""
    if file is not None:
        make_folder(file.parent, "--json")
    from mtl_ase.tools.checkouts import compare_steps

    overrides = [text for text in given if "=" in text]
    folders = [Path(text).absolute() for text in given if "=" not in text]
    result = compare_steps(folders, overrides, rounds)
    text = json.dumps(result, indent=1)
    if file is not None:
        file.write_text(text + "\n", encoding="utf-8")
    print(text)
    print(f"ratio checkouts {result['ratio']}")


if __name__ == "__main__":
    parser = Options(description=__doc__)
    parser.add_argument("given", nargs="+", metavar="DIR|KEY=VALUE")
    parser.add_argument("--rounds", type=count, default=20)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result to a file")
    options = parser.parse_intermixed_args()
    exit_on_wrong_use(lambda: main(options.given, options.rounds, options.json))
