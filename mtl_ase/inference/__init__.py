"""Predictions of trained networks for pictures of any size."""

from mtl_ase.inference.loading import load
from mtl_ase.inference.model import Model
from mtl_ase.inference.sliding_windows import SlidingWindows

__all__ = ["Model", "SlidingWindows", "load"]
