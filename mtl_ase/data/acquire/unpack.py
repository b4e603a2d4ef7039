"""Unpacking an archive whose content is not trusted."""

from __future__ import annotations

import shutil
import tarfile
import uuid
import zlib
from pathlib import Path

import rich.progress

from mtl_ase.base.errors import UserError


def unpack(archive: Path, root: Path, image_folder: str) -> None:
    """Unpack an archive so that its top folder becomes `root`; all of it, or nothing.

    Members that would be written outside the folder, and links that lead there, are refused, and
    nothing of such an archive is kept.

    Args:
        archive: a .tar, .tgz or .tar.gz file.
        root: the folder to make; it must not be there, or be empty.
        image_folder: folder by which the top folder is known, e.g. "JPEGImages".

    Raises:
        UserError: the archive is damaged, unsafe or holds something else.
    """
    if not hasattr(tarfile, "data_filter"):
        raise UserError("this Python can't unpack archives safely; use 3.11.4 or later.")
    draft = root.with_name(f".{root.name}.{uuid.uuid4().hex[:8]}.draft")
    draft.mkdir(parents=True)
    try:
        _extract(archive, draft)
        top = next((p.parent for p in sorted(draft.glob(f"**/{image_folder}"))), None)
        if top is None:
            raise UserError(
                f"{archive} holds no folder {image_folder}; it is not the archive of this data set."
            )
        if root.is_dir():
            root.rmdir()
        top.replace(root)
    except OSError as error:
        raise UserError(
            f"{archive} can't be unpacked to {root} ({error.strerror or error}); free some space, "
            "check the folder's rights and run the same command again."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _extract(archive: Path, draft: Path) -> None:
    try:
        with (
            rich.progress.open(
                archive, "rb", description=f"unpacking {archive.name}", transient=True
            ) as file,
            tarfile.open(fileobj=file, mode="r|*") as tar,
        ):
            tar.extractall(draft, filter="data")
    except tarfile.FilterError as error:
        raise UserError(
            f"{archive} holds a path that leads out of its folder ({error}); don't use it, get the "
            "archive from another source."
        ) from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UserError(
            f"{archive} is damaged or incomplete ({error}); delete it and download it again."
        ) from error
