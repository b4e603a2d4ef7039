"""Compare sliding windows with one pass: `python scripts/window_seams.py RUN [--json FILE]`."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import Options
from mtl_ase.config import exit_on_wrong_use


def main(run: Path, file: Path | None) -> None:
    """Print the comparison, and write it to a file."""
    from mtl_ase.tools.window_seams import compare

    text = json.dumps(compare(run), indent=1)
    print(text)
    if file is not None:
        file.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = Options(description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write it to a file")
    given = parser.parse_args()
    exit_on_wrong_use(lambda: main(given.run, given.json))
