"""Write a run, a sweep or several runs as a page: `python scripts/report.py run=RUN[,RUN ...]`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.entry_points.report import main

if __name__ == "__main__":
    main()
