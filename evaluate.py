"""Score a run: `python evaluate.py run=RUN_DIR [data=NAME data.root=DIR]`."""

import sys

from mtl_ase.commands import evaluate
from mtl_ase.config import exit_on_wrong_use

if __name__ == "__main__":
    exit_on_wrong_use(lambda: evaluate(sys.argv[1:]))
