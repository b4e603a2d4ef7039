"""Errors of log files that become unwritable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtl_ase.base.errors import UserError


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an OSError, e.g. of a run folder deleted during training, into a UserError.

    Raises:
        UserError: the log can't be written or read.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path} can't be written ({error.strerror}); see to the run folder and its disk, and "
            "run the same command again with resume=auto."
        ) from error
