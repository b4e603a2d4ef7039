"""Put tables of stored suites into the documentation: `... --write`; else print pages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import Options
from mtl_ase.config import exit_on_wrong_use


def main() -> None:
    """Write the pages, and the suites' tables and figures; without --write, print the pages."""
    parser = Options(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put them into the pages instead")
    write = parser.parse_args().write
    from mtl_ase.suites.pages import PAGES, with_results

    for path in PAGES:
        page = with_results(path.read_text(encoding="utf-8"))
        if write:
            path.write_text(page, encoding="utf-8")
        else:
            print(page)


if __name__ == "__main__":
    exit_on_wrong_use(main)
