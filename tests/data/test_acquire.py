"""Getting a data set: archives found, downloads that break off, archives that are not trusted."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.data.acquire import Archive, download, obtain, unpack
from mtl_ase.data.acquire.download import LinkDead
from mtl_ase.data.layout import PASCAL_MT

NAMES = ("PASCAL_MT.tgz", "PASCALContext.tar.gz")


def archive_bytes(top: str, *extra: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in ("JPEGImages/a.jpg", "ImageSets/Context/train.txt"):
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size = 1000
            tar.addfile(member, io.BytesIO(name.encode().ljust(1000)))
        for member in extra:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return buffer.getvalue()


def outside(name: str, link: str | None = None) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = 4
    if link is not None:
        member.type, member.linkname, member.size = tarfile.SYMTYPE, link, 0
    return member


class Server(HTTPServer):
    """Serves `content` at /file; may break off, forget ranges, or change the file."""

    content = bytes(range(256)) * 5000
    mark = '"one"'
    break_after: list[int]
    ranges = True
    asked: list[str | None]


class Handler(BaseHTTPRequestHandler):
    """Answers for the server."""

    server: Server

    def do_GET(self) -> None:
        """Send the file, or the rest of it."""
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        if self.path != "/file":
            self.send_error(404)
            return
        start = 0
        if wanted and server.ranges and self.headers.get("If-Range") == server.mark:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", server.mark)
        self.end_headers()
        if server.break_after:
            body = body[: server.break_after.pop(0)]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.asked, server.break_after = [], []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url(server: Server, path: str = "file") -> str:
    return f"http://127.0.0.1:{server.server_port}/{path}"


def test_a_broken_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.break_after = [300_000, 200_000]
    download(url(server), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == server.content
    assert server.asked == [None, "bytes=300000-", "bytes=500000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_next_run_continues_too(server: Server, tmp_path: Path) -> None:
    server.break_after = [100_000, 100_000, 100_000]
    with pytest.raises(UserError, match=r"broke off 3 times.*at byte 300,000"):
        download(url(server), tmp_path / "file")
    assert not (tmp_path / "file").exists()
    download(url(server), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == server.content
    assert server.asked[-1] == "bytes=300000-"


@pytest.mark.parametrize("change", ["changed", "no ranges"])
def test_parts_of_two_versions_are_never_joined(
    server: Server, tmp_path: Path, change: str
) -> None:
    server.break_after = [300_000] * 3
    with pytest.raises(UserError):
        download(url(server), tmp_path / "file")
    if change == "changed":
        server.content, server.mark = b"new" * 400_000, '"two"'
    else:
        server.ranges = False
    download(url(server), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == server.content


def test_a_part_that_is_whole_already_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    """The server has nothing to send after the last byte."""
    (tmp_path / "file.part").write_bytes(server.content)
    (tmp_path / "file.part.json").write_text('{"mark": "\\"one\\""}')
    download(url(server), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == server.content


def test_dead_links(server: Server, tmp_path: Path) -> None:
    with pytest.raises(LinkDead, match="answers 404"):
        download(url(server, "elsewhere"), tmp_path / "file")
    with pytest.raises(LinkDead, match="can't be reached"):
        download("http://127.0.0.1:9/file", tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("top", ["PASCAL_MT", "PASCALContext"])
def test_the_top_folder_becomes_the_root(tmp_path: Path, top: str) -> None:
    (tmp_path / "archive.tgz").write_bytes(archive_bytes(top))
    unpack(tmp_path / "archive.tgz", tmp_path / "dir with é" / "root", "JPEGImages")
    assert (tmp_path / "dir with é/root/JPEGImages/a.jpg").read_bytes().startswith(b"JPEG")
    assert [path.name for path in (tmp_path / "dir with é").iterdir()] == ["root"]


@pytest.mark.parametrize(
    "member",
    [
        outside("../stolen"),
        outside("PASCAL_MT/../../stolen"),
        outside("/tmp/stolen_by_mtl_ase"),
        outside("PASCAL_MT/link", "/etc"),
        outside("PASCAL_MT/link", "../../.."),
    ],
    ids=["parent", "deep parent", "absolute", "absolute link", "link out"],
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    home = tmp_path / "a" / "b"
    home.mkdir(parents=True)
    (home / "archive.tgz").write_bytes(archive_bytes("PASCAL_MT", member))
    absolute = member.name.startswith("/")  # made relative, so harmless: tar's own rule
    if not absolute:
        with pytest.raises(UserError, match="leads out of its folder"):
            unpack(home / "archive.tgz", home / "root", "JPEGImages")
        assert [path.name for path in home.iterdir()] == ["archive.tgz"]
    else:
        unpack(home / "archive.tgz", home / "root", "JPEGImages")
    assert not Path("/tmp/stolen_by_mtl_ase").exists()
    assert sorted(p.name for p in tmp_path.rglob("stolen*") if home / "root" not in p.parents) == []


@pytest.mark.parametrize("damage", ["cut", "text", "flipped"])
def test_a_damaged_archive_is_named_and_leaves_nothing(tmp_path: Path, damage: str) -> None:
    content = bytearray(archive_bytes("PASCAL_MT"))
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "text":
        content = bytearray(b"<html>Not found</html>" * 99)
    else:
        content[len(content) // 2] ^= 0xFF
    (tmp_path / "archive.tgz").write_bytes(content)
    with pytest.raises(UserError, match=r"archive\.tgz is damaged.*download it again"):
        unpack(tmp_path / "archive.tgz", tmp_path / "root", "JPEGImages")
    assert [path.name for path in tmp_path.iterdir()] == ["archive.tgz"]


def test_another_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "archive.tgz").write_bytes(archive_bytes("x"))
    with pytest.raises(UserError, match="holds no folder images"):
        unpack(tmp_path / "archive.tgz", tmp_path / "root", "images")


def archives(server: Server | None, *paths: str) -> list[Archive]:
    return [
        Archive(name, "http://127.0.0.1:9/" if server is None else url(server, path))
        for name, path in zip(NAMES, paths or ("file", "file"), strict=True)
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("inside", [False, True])
def test_an_archive_nearby_is_used(tmp_path: Path, name: str, inside: bool) -> None:
    root = tmp_path / "root"
    home = root if inside else tmp_path
    home.mkdir(exist_ok=True)
    (home / name).write_bytes(archive_bytes("PASCALContext"))
    obtain(root, PASCAL_MT, archives(None), may_download=False)
    assert (root / "JPEGImages/a.jpg").is_file()
    obtain(root, PASCAL_MT, archives(None), may_download=False)


def test_the_next_link_is_tried_when_one_is_dead(server: Server, tmp_path: Path) -> None:
    server.content = archive_bytes("PASCALContext")
    obtain(tmp_path / "new/root", PASCAL_MT, archives(server, "dead", "file"), may_download=True)
    assert (tmp_path / "new/root/JPEGImages/a.jpg").is_file()
    assert server.asked == [None, None]


def test_what_to_do_is_said(server: Server, tmp_path: Path) -> None:
    root = tmp_path / "root"
    with pytest.raises(UserError, match=r"PASCAL_MT\.tgz, PASCAL.*put one there, or add --d"):
        obtain(root, PASCAL_MT, archives(None), may_download=False)
    with pytest.raises(UserError, match=r"no link.*answers 404.*by hand.*run the same command"):
        obtain(root, PASCAL_MT, archives(server, "no", "neither"), may_download=True)
    root.mkdir()
    (root / "thesis.doc").write_text("do not delete")
    with pytest.raises(UserError, match="holds other files"):
        obtain(root, PASCAL_MT, archives(server), may_download=True)
    assert (root / "thesis.doc").exists()
