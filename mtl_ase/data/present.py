"""Whether a file of a data set is there."""

from __future__ import annotations

import stat
from pathlib import Path

from mtl_ase.base.errors import BadFile


def is_there(path: Path) -> bool:
    """Whether there is a file, or a link to one.

    Raises:
        BadFile: there is something else (a folder, a link to nothing, a pipe, which would be waited
            for), or its folder may not be looked into.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise BadFile(f"{path} is a link to nothing; restore the file.") from None
        return False
    except NotADirectoryError:
        return False
    except OSError as error:
        raise BadFile(f"{path} can't be read ({error.strerror}); check its rights.") from error
    if not stat.S_ISREG(mode):
        raise BadFile(f"{path} can't be read, as it is no file; restore the file.")
    return True
