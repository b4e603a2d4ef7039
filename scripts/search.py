"""Search hyper-parameters: `python scripts/search.py folder=DIR trials=20 metric=KEY ...`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.entry_points.search import main

if __name__ == "__main__":
    main()
