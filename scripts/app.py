"""Show predictions for your pictures in the browser: `python scripts/app.py [RUN]`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.entry_points.app import main

if __name__ == "__main__":
    main()
