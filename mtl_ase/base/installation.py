"""Where this installation's files lie: in a checkout, or in a package that pip has installed."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
CHECKOUT = PACKAGE.parent
"""The checkout; no folder of ours where pip has installed the package."""
IN_CHECKOUT = not (PACKAGE / "configs").is_dir()
"""Whether this is a checkout; in a wheel the folder `configs/` lies in the package."""
CONFIGS = CHECKOUT / "configs" if IN_CHECKOUT else PACKAGE / "configs"
"""The folder of our configs."""
AT_THE_TOP = ("train", "evaluate", "predict")
"""Programs that lie at the top of a checkout; the others lie in scripts/."""


def program(name: str) -> str:
    """How a program is started here, e.g. `python train.py`, or `mtl-ase-train` after pip."""
    if not IN_CHECKOUT:
        return f"mtl-ase-{name.replace('_', '-')}"
    return f"python {'' if name in AT_THE_TOP else 'scripts/'}{name}.py"
