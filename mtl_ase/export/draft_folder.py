"""A folder that appears complete or not at all."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtl_ase.base.atomic_files import DRAFT
from mtl_ase.base.errors import UserError


def check_free(folder: Path) -> None:
    """See that nothing would be overwritten.

    Raises:
        UserError: there is a file of that name, or a folder with something in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"output={folder} is there already; remove it or give another folder.")


@contextmanager
def draft_folder(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, which becomes it when the block ends without an error.

    Raises:
        UserError: it can't be made, or there is something already.
    """
    check_free(folder)
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}{DRAFT}")
    try:
        draft.mkdir(parents=True)
    except OSError as error:
        raise UserError(
            f"output={folder} can't be made ({error.strerror}); give another folder."
        ) from error
    try:
        yield draft
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
