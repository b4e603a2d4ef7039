"""Download, verify and pack a data set.

python scripts/prepare_data.py data=pascal_context data.root=DIR [--download] [--json] [--no-pack]
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import Options
from mtl_ase.config import run_once

if __name__ == "__main__":
    parser = Options(description=__doc__.splitlines()[0])
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="e.g. data.root=DIR")
    parser.add_argument("--download", action="store_true", help="download a missing archive")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--no-pack", action="store_true", help="do not pack the labels")
    given = parser.parse_intermixed_args()
    from mtl_ase.commands.prepare_data import prepare_data

    sys.exit(
        run_once(
            lambda config: prepare_data(config, given.download, given.json, not given.no_pack),
            given.overrides,
        )
    )
