"""Download, verify and pack a data set."""

import sys

from mtl_ase.commands.options import Options
from mtl_ase.config import run_once


def main() -> None:
    """Run the program."""
    parser = Options(description=__doc__)
    parser.add_overrides()
    parser.add_argument("--download", action="store_true", help="download a missing archive")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--no-pack", action="store_true", help="do not pack the labels")
    given = parser.given()
    from mtl_ase.commands.prepare_data import prepare_data

    sys.exit(
        run_once(
            lambda config: prepare_data(config, given.download, given.json, not given.no_pack),
            given.overrides,
        )
    )
