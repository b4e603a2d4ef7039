"""Make a table or figure of the paper: `python scripts/reproduce.py table1 setting=scenes`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.entry_points.reproduce import main

if __name__ == "__main__":
    main()
