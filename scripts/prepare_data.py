"""Download, verify and pack a data set: `python scripts/prepare_data.py data.root=DIR`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.entry_points.prepare_data import main

if __name__ == "__main__":
    main()
