"""Put the tables of stored benchmarks into the documentation: `... --write`; else print pages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.marked_pages import write_or_print
from mtl_ase.config import exit_on_wrong_use

if __name__ == "__main__":
    exit_on_wrong_use(lambda: write_or_print(__doc__, "mtl_ase.tools.benchmark_tables"))
