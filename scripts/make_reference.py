"""Make a delta_m reference of runs: `python scripts/make_reference.py RUN ... --name NAME`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import Options
from mtl_ase.config import exit_on_wrong_use

if __name__ == "__main__":
    parser = Options(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="evaluated, single-task")
    parser.add_argument("--name", required=True, help="name, for reference=NAME")
    given = parser.parse_args()
    from mtl_ase.commands.make_reference import make_reference

    exit_on_wrong_use(lambda: print(make_reference(given.runs, given.name)))
