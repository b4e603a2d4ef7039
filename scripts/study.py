"""Put tables, figures and differences of stored results into docs/study.md: `... --write`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import Options
from mtl_ase.config import exit_on_wrong_use


def main() -> None:
    """Write the page, its tables and figures; without --write, print the page."""
    parser = Options(description=__doc__)
    parser.add_argument("--write", action="store_true", help="change docs/study.md")
    write = parser.parse_args().write
    from mtl_ase.suites.study import PAGE, STORED, with_results

    page = with_results(PAGE.read_text(encoding="utf-8"), STORED)
    if write:
        PAGE.write_text(page, encoding="utf-8")
    else:
        print(page)


if __name__ == "__main__":
    exit_on_wrong_use(main)
