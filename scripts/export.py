"""Export a run's network: `python scripts/export.py run=RUN_DIR output=DIR format=NAME`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.entry_points.export import main

if __name__ == "__main__":
    main()
