"""The commands behind train.py, evaluate.py and scripts/*.py."""

from mtl_ase.commands.browse_data import browse_data
from mtl_ase.commands.evaluate import evaluate
from mtl_ase.commands.make_reference import make_reference
from mtl_ase.commands.model_info import model_info
from mtl_ase.commands.prepare_data import prepare_data
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.commands.train import train

__all__ = [
    "RunFolder",
    "browse_data",
    "evaluate",
    "make_reference",
    "model_info",
    "prepare_data",
    "train",
]
