"""Multi-task dense prediction with adaptive shared LoRA experts (arXiv 2510.00570).

`mtl_ase.load(RUN)` gives a trained network: `mtl_ase.load("runs/mine").predict("photo.jpg")`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtl_ase.inference import Model, SlidingWindows, load

__version__ = "0.1.0"
__all__ = ["Model", "SlidingWindows", "load"]


def __getattr__(name: str) -> Any:
    """Import torch only where a network is wanted: commands import this package first."""
    if name in __all__:
        from mtl_ase import inference

        return getattr(inference, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
