"""Draw docs/figures/house.svg, the rooms of the house and their imports: `... [FILE]`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import Options
from mtl_ase.config import exit_on_wrong_use


def main(path: Path | None) -> None:
    """Draw it."""
    from mtl_ase.tools.site.house_picture import PICTURE, picture

    (path or PICTURE).write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    parser = Options(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    given = parser.parse_args()
    exit_on_wrong_use(lambda: main(given.file))
