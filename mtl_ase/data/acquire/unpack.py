"""Unpacking of an untrusted archive."""

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
"""Limit of the unpacked size: RATIO times the archive's size plus ROOM_BYTES."""
MEMBERS = 2_000_000


def unpack(archive: Path, root: Path, image_folder: str) -> None:
    """Unpack an archive so that its top folder becomes `root`; completely or not at all.

    Rejects the whole archive if it contains members or links that point outside the folder, members
    below links, devices, or an implausible amount of data (decompression bomb).

    Args:
        archive: a .tar, .tgz or .tar.gz file.
        root: the folder to create; it must not exist, or be empty.
        image_folder: subfolder that identifies the top folder, e.g. "JPEGImages".

    Raises:
        UserError: the archive is damaged, unsafe or not of this data set.
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


class _MemberFilter:
    """Extraction filter that checks every member before it is unpacked.

    `tarfile.data_filter` rejects paths outside the folder. Its check resolves links that were
    unpacked before and can be bypassed by link chains longer than the maximal path length
    (CVE-2025-4517), so this filter allows no path through a link.

    Args:
        archive: the archive; its size sets the limit, its path goes into messages.
    """

    def __init__(self, archive: Path) -> None:
        self.archive, self.room = archive, archive.stat().st_size * RATIO + ROOM_BYTES
        self.count, self.links = 0, set[str]()

    def __call__(self, member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
        """Return the member as `tarfile.data_filter` does.

        Raises:
            UserError: the member is unsafe, or a limit is exceeded.
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
    """A normalised member name; case-folded, as some file systems ignore case."""
    return posixpath.normpath(f"/{name}").lstrip("/").casefold()


def _extract(archive: Path, draft: Path) -> None:
    try:
        with (
            rich.progress.open(
                archive, "rb", description=f"unpacking {archive.name}", transient=True
            ) as file,
            tarfile.open(fileobj=file, mode="r|*") as tar,
        ):
            tar.extractall(draft, filter=_MemberFilter(archive))
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
