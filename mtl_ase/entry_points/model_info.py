"""Print parameters and FLOPs of a network as JSON."""

import json

from omegaconf import DictConfig

from mtl_ase.commands.options import Options
from mtl_ase.config import run_once


def show(config: DictConfig) -> None:
    """Print what a config's network has."""
    from mtl_ase.commands.model_info import model_info

    print(json.dumps(model_info(config), indent=2))


def main() -> None:
    """Run the program."""
    parser = Options(description=__doc__)
    parser.add_overrides()
    run_once(show, parser.given().overrides)
