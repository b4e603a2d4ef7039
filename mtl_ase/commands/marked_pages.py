"""Pages of the documentation whose tables stand between marks and are made by a command."""

from __future__ import annotations

import pkgutil

from mtl_ase.commands.options import Options


def write_or_print(description: str, module: str) -> None:
    """With --write on the command line, put the tables of today into the pages; else print these.

    Args:
        description: of the command, for --help.
        module: import path of the module with `PAGES` and `with_tables`, imported when needed.
    """
    parser = Options(description=description)
    parser.add_argument("--write", action="store_true", help="put them into the pages instead")
    write = parser.parse_args().write
    made = pkgutil.resolve_name(module)
    for path in made.PAGES:
        page = made.with_tables(path.read_text(encoding="utf-8"))
        if write:
            path.write_text(page, encoding="utf-8")
        else:
            print(page)
