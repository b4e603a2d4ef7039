"""Print parameters and FLOPs as JSON: `python scripts/model_info.py experiment=NAME`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.entry_points.model_info import main

if __name__ == "__main__":
    main()
