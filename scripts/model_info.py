"""Print parameters and FLOPs as JSON: `python scripts/model_info.py experiment=NAME`."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands import model_info
from mtl_ase.config import run_once

if __name__ == "__main__":
    run_once(lambda config: print(json.dumps(model_info(config), indent=2)), sys.argv[1:])
