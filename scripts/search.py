"""Search hyper-parameters: `python scripts/search.py folder=DIR trials=20 metric=KEY ...`.

See docs/search.md, e.g. 'training.optimizer.lr=log(1e-4,1e-2)' 'model.adapter.rank=choice(1,2,4)'.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.search import search
from mtl_ase.config import exit_on_wrong_use

if __name__ == "__main__":
    sys.exit(exit_on_wrong_use(lambda: search(sys.argv[1:])))
