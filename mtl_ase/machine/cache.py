"""The cache folder."""

from __future__ import annotations

import os
from pathlib import Path

from mtl_ase.base.errors import UserError

CACHE_VARIABLE = "MTL_ASE_CACHE"


def cache_folder() -> Path:
    """$MTL_ASE_CACHE, or ~/.cache/mtl_ase.

    Raises:
        UserError: there is no such variable, and no home folder either.
    """
    given = os.environ.get(CACHE_VARIABLE)
    try:
        return Path(given).expanduser() if given else Path.home() / ".cache" / "mtl_ase"
    except RuntimeError as error:
        raise UserError(
            f"the home folder is not known; set HOME, or {CACHE_VARIABLE} to a folder that may be "
            "written to."
        ) from error
