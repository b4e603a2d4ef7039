"""Write contact sheets of a data set: `python scripts/browse_data.py data=NAME --out DIR`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import Options, count, whole_number
from mtl_ase.config import run_once

if __name__ == "__main__":
    parser = Options(description=__doc__)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="e.g. data.root=DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="output folder")
    parser.add_argument("--count", type=count, default=16, metavar="N", help="samples (default 16)")
    parser.add_argument("--epoch", type=whole_number, default=0, help="epoch of the augmentation")
    given = parser.parse_intermixed_args()
    from mtl_ase.commands.browse_data import browse_data

    written = run_once(
        lambda config: browse_data(config, given.out, given.count, given.epoch), given.overrides
    )
    print(*written, sep="\n")
