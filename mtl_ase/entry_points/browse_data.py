"""Write contact sheets of a data set, before and after augmentation."""

from pathlib import Path

from mtl_ase.commands.options import Options, count, whole_number
from mtl_ase.config import run_once


def main() -> None:
    """Run the program."""
    parser = Options(description=__doc__)
    parser.add_overrides()
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="output folder")
    parser.add_argument("--count", type=count, default=16, metavar="N", help="samples (default 16)")
    parser.add_argument("--epoch", type=whole_number, default=0, help="epoch of the augmentation")
    given = parser.given()
    from mtl_ase.commands.browse_data import browse_data

    written = run_once(
        lambda config: browse_data(config, given.out, given.count, given.epoch), given.overrides
    )
    print(*written, sep="\n")
