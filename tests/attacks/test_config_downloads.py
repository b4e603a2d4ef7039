"""Attacks by a server that data sets are downloaded from."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from mtl_ase.data.acquire import download
from mtl_ase.data.acquire.download import LinkDead, _Redirects

Reply = tuple[int, dict[str, str], bytes]


class Handler(BaseHTTPRequestHandler):
    """Answers what the test says, to whatever is asked."""

    reply: ClassVar[Reply]

    def do_GET(self) -> None:
        """Answer."""
        status, headers, body = self.reply
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/file"
    server.shutdown()
    thread.join()
    server.server_close()


REPLIES: dict[str, Reply] = {
    "leads to a file of ours": (302, {"Location": "file:///etc/passwd"}, b""),
    "leads to ftp": (302, {"Location": "ftp://127.0.0.1:9/x"}, b""),
    "leads to itself": (302, {"Location": "/file"}, b""),
    "leads to a word": (302, {"Location": "javascript:alert(1)"}, b""),
    "sends a part unasked": (206, {"Content-Range": "bytes 5-9/10", "ETag": '"a"'}, b"56789"),
}


@pytest.mark.parametrize("name", REPLIES)
def test_a_hostile_answer_is_a_dead_link(url: str, tmp_path: Path, name: str) -> None:
    Handler.reply = REPLIES[name]
    with pytest.raises(LinkDead):
        download(url, tmp_path / "file")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1:9/x", "/etc/passwd"])
def test_only_the_web_is_downloaded_from(tmp_path: Path, address: str) -> None:
    with pytest.raises(LinkDead, match="no address on the web"):
        download(address, tmp_path / "file")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", ["http://example.org/x", "ftp://example.org/x", "file:///x"])
def test_https_leads_to_nothing_less_safe(target: str) -> None:
    request = urllib.request.Request("https://example.org/file")
    with pytest.raises(LinkDead, match="not as safe"):
        _Redirects().redirect_request(request, None, 302, "Found", {}, target)
    followed = _Redirects().redirect_request(request, None, 302, "", {}, "https://example.org/y")
    assert followed is not None
    assert followed.full_url == "https://example.org/y"


def test_another_part_than_was_asked_for_is_not_joined(url: str, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(b"01234")
    (tmp_path / "file.part.json").write_text('{"mark": "\\"a\\""}')
    Handler.reply = (206, {"Content-Range": "bytes 7-9/10", "ETag": '"a"'}, b"789")
    with pytest.raises(LinkDead, match="another part"):
        download(url, tmp_path / "file")
    assert (tmp_path / "file.part").read_bytes() == b"01234"
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("length", ["many", "-5", "", "1e3"])
def test_a_length_that_is_none_is_passed_over(url: str, tmp_path: Path, length: str) -> None:
    Handler.reply = (200, {"Content-Length": length, "ETag": '"a"'}, b"0123456789")
    download(url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"0123456789"
