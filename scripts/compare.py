"""Compare methods, over a baseline: `python scripts/compare.py balancing|adapters|branch_block`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.entry_points.compare import main

if __name__ == "__main__":
    main()
