"""Attacks by archives: members that leave their folder, devices, bombs."""

from __future__ import annotations

import importlib
import io
import tarfile
from pathlib import Path

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.data.acquire import unpack


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tuple:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    info.mode = 0o6777
    return info, b"x" * min(size, 100)


SYM, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE
DEEP = "/".join(["d" * 200] * 3)

REFUSED: dict[str, tuple[list[tuple], str]] = {
    "upwards": ([member("top/../../stolen", size=4)], "leads out of its folder"),
    "a link upwards": ([member("top/l", SYM, "../../..")], "leads out of its folder"),
    "an absolute link": ([member("top/l", SYM, "/etc")], "leads out of its folder"),
    "through a link out": (
        [member("top/l", SYM, ".."), member("top/l/m", SYM, "..")],
        "passes through a link",
    ),
    "through a link within": (
        [member("top/l", SYM, "JPEGImages"), member("top/l/stolen", size=4)],
        "passes through a link",
    ),
    "through a link, in other letters": (
        [member("top/l", SYM, "JPEGImages"), member("top/L/stolen", size=4)],
        "passes through a link",
    ),
    "through a link, with dots": (
        [member("top/l", SYM, "JPEGImages"), member("top/./x/../l//stolen", size=4)],
        "passes through a link",
    ),
    "a chain of links, longer than a path may be": (
        [
            member(f"top/{DEEP}/x", size=4),
            member("top/a", SYM, DEEP),
            member("top/b", SYM, "a/" + "../" * 40 + "stolen"),
        ],
        "leads out|passes through a link",
    ),
    "a hard link upwards": ([member("top/l", HARD, "../stolen")], "leads out of its folder"),
    "a hard link to an absolute path": ([member("top/l", HARD, "/etc/passwd")], "leads out"),
    "a hard link through a link": (
        [member("top/l", SYM, "JPEGImages"), member("top/h", HARD, "top/l/a.jpg")],
        "passes through a link",
    ),
    "a character device": ([member("top/d", tarfile.CHRTYPE)], "holds a device or pipe"),
    "a block device": ([member("top/d", tarfile.BLKTYPE)], "holds a device or pipe"),
    "a pipe": ([member("top/d", tarfile.FIFOTYPE)], "holds a device or pipe"),
    "a size that it can't hold": ([member("top/big", size=2**40)], "more than 100 times"),
    "a negative size": ([member("top/x", size=-(2**40))], "damaged|more than"),
}


def archive(path: Path, members: list[tuple]) -> Path:
    """An archive with these members after those that a data set has."""
    images = [member("top/JPEGImages/a.jpg", size=50)]
    buffer = io.BytesIO()
    for info, content in [*images, *members]:
        buffer.write(info.tobuf(tarfile.GNU_FORMAT))
        buffer.write(content.ljust(-len(content) % 512 + len(content), b"\0"))
    path.write_bytes(buffer.getvalue() + bytes(1024))
    return path


@pytest.mark.parametrize("name", REFUSED)
def test_an_archive_is_refused_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    members, words = REFUSED[name]
    home = tmp_path / "a" / "b"
    home.mkdir(parents=True)
    path = archive(home / "data.tar", members)
    with pytest.raises(UserError, match=words):
        unpack(path, home / "root", "JPEGImages")
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "a", home, path]


def test_many_small_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("mtl_ase.data.acquire.unpack")
    monkeypatch.setattr(module, "MEMBERS", 50)
    path = archive(tmp_path / "data.tar", [member(f"top/{n}") for n in range(60)])
    with pytest.raises(UserError, match=r"more than\s+50 files"):
        unpack(path, tmp_path / "root", "JPEGImages")
    assert list(tmp_path.iterdir()) == [path]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """A thousand times its size, as gzip can: 200 MB of zeros."""
    path, info = tmp_path / "data.tgz", tarfile.TarInfo("top/zeros")
    info.size = 200 * 2**20
    with tarfile.open(path, "w:gz", compresslevel=1) as tar, Path("/dev/zero").open("rb") as zeros:
        tar.addfile(info, zeros)
    with pytest.raises(UserError, match="more than 100 times"):
        unpack(path, tmp_path / "root", "JPEGImages")
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_strange_but_harmless_stays_in_the_folder(tmp_path: Path) -> None:
    """Absolute names lose their slash, of duplicates the last counts, links within are kept."""
    members = [
        member("/top/absolute", size=4),
        member("top/twice", size=4),
        member("top/twice", size=8),
        member("top/l", SYM, "JPEGImages"),
        member("top/h", HARD, "top/JPEGImages/a.jpg"),
    ]
    root = tmp_path / "root"
    unpack(archive(tmp_path / "data.tar", members), root, "JPEGImages")
    assert (root / "absolute").read_bytes() == b"xxxx"
    assert (root / "twice").read_bytes() == b"x" * 8
    assert (root / "l" / "a.jpg").read_bytes() == (root / "h").read_bytes()
    assert (root / "twice").stat().st_mode & 0o7022 == 0, "no setuid, writable by nobody else"
    assert not Path("/top").exists()
