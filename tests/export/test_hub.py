"""Uploads to a stand-in of a model hub: an HTTP server that keeps what it is given."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from huggingface_hub import HfApi

from mtl_ase.base.errors import UserError
from mtl_ase.export import read_run, upload, write_adapters, write_card
from mtl_ase.export.facts import facts_of
from mtl_ase.export.hub import check_name, files_of
from tests.export.conftest import SHIPPED, MakeRun

TOKEN = "hf_stand_in"


class Hub(BaseHTTPRequestHandler):
    """The requests of an upload, as huggingface.co answers them."""

    repositories: ClassVar[dict[str, dict[str, bytes]]] = {}

    def do_POST(self) -> None:
        """Make a repository, tell how to upload, or take a commit."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401, {"error": "Invalid credentials"})
        elif self.path == "/api/repos/create":
            wanted = json.loads(body)
            name = f"{wanted['organization']}/{wanted['name']}"
            self.repositories[name] = {}
            self._answer(200, {"url": f"{self._root}/{name}", "name": name})
        elif self.path == "/api/validate-yaml":
            assert "model-index" in json.loads(body)["content"]
            self._answer(200, {"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = json.loads(body)["files"]
            modes = {"uploadMode": "regular", "shouldIgnore": False}
            answers = [{"path": f["path"], **modes} for f in files]
            self._answer(200, {"files": answers})
        elif "/commit/" in self.path:
            self._commit([json.loads(line) for line in body.splitlines()])
        else:
            self._answer(404, {"error": self.path})

    def do_GET(self) -> None:
        """What is known of a repository."""
        if self._name not in self.repositories:
            self._answer(404, {"error": "Repository not found"})
            return
        self._answer(200, {"id": self._name, "sha": "0" * 40, "siblings": []})

    def _commit(self, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            if line["key"] == "file":
                content = base64.b64decode(line["value"]["content"])
                self.repositories[self._name][line["value"]["path"]] = content
        url = f"{self._root}/{self._name}/commit/{'1' * 40}"
        self._answer(200, {"commitUrl": url, "commitOid": "1" * 40, "success": True})

    @property
    def _name(self) -> str:
        return "/".join(self.path.split("/")[3:5])

    @property
    def _root(self) -> str:
        return f"http://{self.headers['Host']}"

    def _answer(self, code: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        if code == 404:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    """A running hub without repositories."""
    Hub.repositories.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def folder(make_run: MakeRun, tmp_path: Path) -> Path:
    """An exported folder."""
    out = tmp_path / "out"
    out.mkdir()
    trained = read_run(make_run("experiment=ase_finegrained", *SHIPPED))
    write_adapters(trained, facts_of(trained), out)
    write_card(out, "me/mine")
    return out


def test_all_files_arrive_in_a_new_repository(folder: Path, address: str) -> None:
    (folder / ".cache").mkdir()
    (folder / ".cache" / "private").write_text("not to be shared")
    url = upload(folder, "me/mine", HfApi(endpoint=address, token=TOKEN))
    assert url.startswith(f"{address}/me/mine/commit/")
    there = Hub.repositories["me/mine"]
    expected = {"README.md", "adapters.safetensors", "config.yaml", "export.json"}
    assert there.keys() == expected
    for name, content in there.items():
        assert content == (folder / name).read_bytes()
    upload(folder, "me/mine", HfApi(endpoint=address, token=TOKEN))  # again: the same repository


def test_a_refusal_is_one_sentence_with_the_next_step(folder: Path, address: str) -> None:
    with pytest.raises(UserError, match=r"hub=me/mine: the upload failed \(.*hf auth login"):
        upload(folder, "me/mine", HfApi(endpoint=address, token="hf_wrong"))
    assert Hub.repositories == {}


def test_a_hub_that_is_not_there(folder: Path) -> None:
    with pytest.raises(UserError, match=r"hub=me/mine: the upload failed"):
        upload(folder, "me/mine", HfApi(endpoint="http://127.0.0.1:9", token=TOKEN))


@pytest.mark.parametrize("name", ["mine", "a/b/c", "me/", "me/mi ne", "-me/mine"])
def test_names_that_no_repository_has(name: str) -> None:
    with pytest.raises(UserError, match="OWNER/NAME"):
        check_name(name)


def test_only_exported_folders_are_uploaded(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UserError, match="holds no export"):
        files_of(tmp_path)
