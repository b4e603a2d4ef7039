"""Make a delta_m reference of runs: `python scripts/make_reference.py RUN ... --name NAME`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.entry_points.make_reference import main

if __name__ == "__main__":
    main()
