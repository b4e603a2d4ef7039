"""Write contact sheets of a data set: `python scripts/browse_data.py data=NAME --out DIR`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.entry_points.browse_data import main

if __name__ == "__main__":
    main()
