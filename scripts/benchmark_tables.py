"""Put the tables of stored benchmarks into the documentation: `... --write`; else print pages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import Options

if __name__ == "__main__":
    parser = Options(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put them into the pages instead")
    write = parser.parse_args().write
    from mtl_ase.tools.benchmark_tables import PAGES, with_tables

    for path in PAGES:
        page = with_tables(path.read_text(encoding="utf-8"))
        if write:
            path.write_text(page, encoding="utf-8")
        else:
            print(page)
