"""The cache folder."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "MTL_ASE_CACHE"


def cache_folder() -> Path:
    """$MTL_ASE_CACHE, or ~/.cache/mtl_ase."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "mtl_ase")
