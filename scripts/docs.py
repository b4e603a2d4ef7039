"""Write the folder that the documentation's site is built from: `python scripts/docs.py`.

`make docs` runs it, and then Zensical.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import Options
from mtl_ase.config import exit_on_wrong_use

DEFAULT = Path(__file__).parents[1] / "build" / "docs"


def main(folder: Path) -> None:
    """Write it."""
    from mtl_ase.tools.site.staged_pages import stage

    stage(folder)


if __name__ == "__main__":
    parser = Options(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    given = parser.parse_args()
    exit_on_wrong_use(lambda: main(given.folder))
