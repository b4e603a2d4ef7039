"""What the entry points do: train, evaluate, model_info."""

from mtl_ase.commands.evaluate import evaluate
from mtl_ase.commands.model_info import model_info
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.commands.train import train

__all__ = ["RunFolder", "evaluate", "model_info", "train"]
