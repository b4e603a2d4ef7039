"""Print parameters and FLOPs as JSON: `python scripts/model_info.py experiment=NAME`."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from omegaconf import DictConfig

from mtl_ase.commands.options import Options
from mtl_ase.config import run_once


def main(config: DictConfig) -> None:
    """Print what a config's network has."""
    from mtl_ase.commands.model_info import model_info

    print(json.dumps(model_info(config), indent=2))


if __name__ == "__main__":
    parser = Options(description=__doc__)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    run_once(main, parser.parse_args().overrides)
