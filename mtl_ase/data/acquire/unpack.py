"""Unpacking an archive whose content is not trusted."""

from __future__ import annotations

import posixpath
import shutil
import tarfile
import uuid
import zlib
from pathlib import Path

import rich.progress

from mtl_ase.base.errors import UserError

RATIO, ROOM_BYTES = 100, 100 * 2**20
"""How many times an archive's size its content may have, and this much besides."""
MEMBERS = 2_000_000


def unpack(archive: Path, root: Path, image_folder: str) -> None:
    """Unpack an archive so that its top folder becomes `root`; all of it, or nothing.

    Members that would be written outside the folder, links that lead there, members below links,
    devices, and more than an archive of its size can hold are refused, and nothing of such an
    archive is kept.

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


class _Gate:
    """Looks at every member before it is unpacked.

    `tarfile.data_filter` refuses paths that lead out. Its check follows links that were unpacked
    before, and is deceived where their chain grows longer than a path may be (CVE-2025-4517), so
    nothing may pass through a link here.

    Args:
        archive: the file, for its size and for messages.
    """

    def __init__(self, archive: Path) -> None:
        self.archive, self.room = archive, archive.stat().st_size * RATIO + ROOM_BYTES
        self.count, self.links = 0, set[str]()

    def __call__(self, member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
        """The member as it may be unpacked.

        Raises:
            UserError: it may not be.
        """
        self.count, self.room = self.count + 1, self.room - member.size
        if self.count > MEMBERS or self.room < 0:
            raise UserError(
                f"{self.archive} would unpack to more than {RATIO} times its size, or to more than "
                f"{MEMBERS:,} files; don't use it, get the archive from another source."
            )
        name = _plain(member.name)
        ends = [name.rpartition("/")[0]]
        if member.issym():
            ends.append(_plain(f"{ends[0]}/{member.linkname}"))
        elif member.islnk():
            ends.append(_plain(member.linkname))
        for end in ends:
            if any(end == link or end.startswith(f"{link}/") for link in self.links):
                raise UserError(
                    f"{self.archive} holds {member.name!r}, which passes through a link and so "
                    "leads out of its folder; don't use it, get the archive from another source."
                )
        if member.issym():
            self.links.add(name)
        return tarfile.data_filter(member, folder)


def _plain(name: str) -> str:
    """A member's name without dots and double slashes; case plays no part on some disks."""
    return posixpath.normpath(f"/{name}").lstrip("/").casefold()


def _extract(archive: Path, draft: Path) -> None:
    try:
        with (
            rich.progress.open(
                archive, "rb", description=f"unpacking {archive.name}", transient=True
            ) as file,
            tarfile.open(fileobj=file, mode="r|*") as tar,
        ):
            tar.extractall(draft, filter=_Gate(archive))
    except tarfile.SpecialFileError as error:
        raise UserError(
            f"{archive} holds a device or pipe ({error}); don't use it, get the archive from "
            "another source."
        ) from error
    except tarfile.FilterError as error:
        raise UserError(
            f"{archive} holds a path that leads out of its folder ({error}); don't use it, get the "
            "archive from another source."
        ) from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UserError(
            f"{archive} is damaged or incomplete ({error}); delete it and download it again."
        ) from error
