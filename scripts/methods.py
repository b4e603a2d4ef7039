"""Print the tables of docs/methods.md: `python scripts/methods.py [--write]`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import Options

if __name__ == "__main__":
    parser = Options(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put them into the page instead")
    write = parser.parse_args().write
    from mtl_ase.tools.methods import PAGE, methods_table, with_table

    if write:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(methods_table())
