"""Resumable download of a large file."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from mtl_ase.base.errors import UserError

CHUNK_BYTES = 2**20
TIMEOUT_S = 60
ATTEMPTS = 3
WEB = ("http:", "https:")


class LinkDead(Exception):
    """The server can't be reached or does not provide the file."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http(s) addresses, but not from https to http."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.startswith("https:" if req.full_url.startswith("https:") else WEB):
            raise LinkDead(f"{req.full_url} leads to {newurl}, which is not as safe")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(url: str, path: Path) -> None:
    """Download a file to `path`; an interrupted download is resumed.

    Until it is complete the file is called `NAME.part`. Its ETag or Last-Modified header is stored
    in `NAME.part.json`, so that parts of two versions are never joined.

    Raises:
        LinkDead: the server does not have the file, or can't be reached.
        UserError: the connection failed repeatedly, or the disk is full.
    """
    if not url.startswith(WEB):
        raise LinkDead(f"{url} is no address on the web")
    part, note = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.json")
    try:
        for _ in range(ATTEMPTS):
            if _fetch(url, part, note):
                part.replace(path)
                note.unlink(missing_ok=True)
                return
    except OSError as error:
        raise UserError(
            f"{part} can't be written ({error.strerror}); free some space or check its rights, "
            "and run the same command again."
        ) from error
    raise UserError(
        f"{url} broke off {ATTEMPTS} times; run the same command again, it continues at byte "
        f"{part.stat().st_size:,}."
    )


def _fetch(url: str, part: Path, note: Path) -> bool:
    """Download the missing bytes; returns whether the file is complete."""
    have = part.stat().st_size if part.is_file() and note.is_file() else 0
    headers = {"User-Agent": "mtl_ase"}
    if have:
        known = json.loads(note.read_text(encoding="utf-8"))
        headers |= {"Range": f"bytes={have}-", "If-Range": known["mark"]}
    try:
        opener = urllib.request.build_opener(_Redirects)
        response = opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if (
            error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have
        ):  # the part is already complete, or the file has changed
            part.unlink()
            return False
        raise LinkDead(f"{url} answers {error.code} {error.reason}") from error
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        raise LinkDead(f"{url} can't be reached ({getattr(error, 'reason', error)})") from error
    with response:
        continues = _continues(response, have)
        start = have if continues else 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        mark = response.headers.get("ETag") or response.headers.get("Last-Modified")
        if mark and not mark.startswith("W/"):
            note.write_text(json.dumps({"mark": mark}), encoding="utf-8")
        else:
            note.unlink(missing_ok=True)  # without a strong validator, resuming is unsafe
        _save(response, part, "ab" if continues else "wb", start, total)
    return total is None or part.stat().st_size == total


def _continues(response: Any, have: int) -> bool:
    """Whether the response continues the partial file; raises LinkDead for any other range."""
    if response.status != HTTPStatus.PARTIAL_CONTENT:
        return False
    asked = f"bytes {have}-"
    if not have or not response.headers.get("Content-Range", asked).startswith(asked):
        raise LinkDead(f"{response.url} sends another part of the file than was asked for")
    return True


def _save(response: Any, part: Path, mode: str, start: int, total: int | None) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with (
        Progress(*columns, TransferSpeedColumn(), transient=True) as progress,
        part.open(mode) as file,
    ):
        bar = progress.add_task(part.stem, total=total, completed=start)
        while True:
            try:
                chunk = response.read(CHUNK_BYTES)
            except (TimeoutError, ConnectionError, http.client.IncompleteRead) as error:
                file.write(getattr(error, "partial", b""))
                return
            if not chunk:
                return
            file.write(chunk)
            progress.advance(bar, len(chunk))
