"""Logs that can't be written any more, said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtl_ase.base.errors import UserError


@contextmanager
def said(path: Path) -> Iterator[None]:
    """Say what the system refused, e.g. where somebody removed the run folder in training.

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
