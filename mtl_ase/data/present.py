"""Check for existing files of a data set."""

from __future__ import annotations

import stat
from pathlib import Path

from mtl_ase.base.errors import BadFile


def is_there(path: Path) -> bool:
    """Whether the path is a regular file or a link to one.

    Raises:
        BadFile: it exists but is something else (a folder, a broken link, a pipe, which would block
            a reader), or its folder is not accessible.
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
