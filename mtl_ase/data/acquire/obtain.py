"""Provides a data set's folder: existing, unpacked from an archive, or downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mtl_ase.base.errors import UserError
from mtl_ase.data.acquire.archives import Archive
from mtl_ase.data.acquire.download import LinkDead, download
from mtl_ase.data.acquire.unpack import unpack
from mtl_ase.data.layout import FolderLayout


def obtain(
    root: Path, layout: FolderLayout, archives: Sequence[Archive], may_download: bool
) -> None:
    """Make sure that the data set exists at `root`.

    Unless the folder exists, archives are searched for beside `root` and inside it, and then
    downloaded, if `may_download`.

    Raises:
        UserError: no archive was found or could be downloaded, or `root` contains other files.
    """
    folder = layout.image_folder(root)
    if folder.is_dir():
        return
    name = folder.relative_to(root).as_posix()
    if root.is_dir() and any(path.name not in _names(archives) for path in root.iterdir()):
        raise UserError(
            f"{root} holds other files than this data set (no folder {name}); give data.root=DIR "
            "of a new folder, or of the one that holds the data."
        )
    home = root.resolve().parent
    for archive in archives:
        for path in (home / archive.file, root / archive.file):
            if path.is_file():
                unpack(_beside(path, home), root, name)
                return
    if not may_download:
        raise UserError(
            f"{root} holds no data set (no folder {name}), and none of the archives "
            f"{', '.join(_names(archives))} is in {home}; put one there, or add --download."
        )
    home.mkdir(parents=True, exist_ok=True)
    dead = []
    for archive in archives:
        try:
            download(archive.url, home / archive.file)
        except LinkDead as error:
            dead.append(str(error))
            continue
        unpack(home / archive.file, root, name)
        return
    raise UserError(
        f"no link of the data set works: {'; '.join(dead)}. Get one of the archives "
        f"{', '.join(_names(archives))} by hand (docs/data.md lists copies), put it into {home} "
        "and run the same command again."
    )


def _names(archives: Sequence[Archive]) -> list[str]:
    return [archive.file for archive in archives]


def _beside(path: Path, home: Path) -> Path:
    """Move the archive out of the folder that it will be unpacked to."""
    return path if path.parent == home else path.replace(home / path.name)
