"""The folder that the site is built from: our pages, those made from configs and code, sources.

Pages of `docs/` link to files of the repository, as in `../mtl_ase/model/network.py`, and to
folders of results. A site has neither, so every linked one becomes a page that shows it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Container
from pathlib import Path

from mtl_ase.base.errors import UserError
from mtl_ase.tools.site.api_pages import api_pages, public_names
from mtl_ase.tools.site.config_pages import config_pages

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
SOURCE = "source"
"""The folder of the site with the pages of linked files."""
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")
"""The path of a relative link in Markdown."""
NAME = re.compile(r"(?<!\[)`(mtl_ase(?:\.\w+)+)`(?!\])")
"""An import path in Markdown, which becomes a link to what the reference says of it."""
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml"}


def stage(folder: Path) -> None:
    """Write everything that the site consists of, as Markdown, into a new folder.

    Args:
        folder: removed first, if it is there.

    Raises:
        UserError: a page links to what is not there.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder, ignore=shutil.ignore_patterns("runs", ".lock"))
    made = config_pages() | api_pages()
    for name, text in made.items():
        _write(folder / name, text)
    shown: set[Path] = set()
    for page in sorted(DOCS.rglob("*.md")):
        text, linked = for_site(page, {DOCS / name for name in made})
        _write(folder / page.relative_to(DOCS), text)
        shown |= linked
    for path in shown:
        _write(folder / site_path(path), listing(path) if path.is_dir() else source_page(path))


def for_site(page: Path, made: Container[Path]) -> tuple[str, set[Path]]:
    """A page whose links lead to pages of the site, and what has to be shown on pages of its own.

    Words behind a fence's language, which are for the tests, are left out.

    Args:
        page: a page of `docs/`.
        made: pages that only the site has, as if they lay in `docs/`.

    Raises:
        UserError: a linked file is not there.
    """
    linked: set[Path] = set()

    def elsewhere(match: re.Match[str]) -> str:
        path = Path(os.path.normpath(page.parent / match[0]))
        if path in made:
            return match[0]
        if not path.exists():
            raise UserError(f"{page}: the link {match[0]} leads nowhere; correct it.")
        if path.is_relative_to(DOCS) and not path.is_dir():
            return match[0]
        linked.add(path)
        return os.path.relpath(DOCS / site_path(path), page.parent)

    names = public_names()
    text = LINK.sub(elsewhere, page.read_text(encoding="utf-8"))
    text = NAME.sub(lambda m: f"[{m[0]}][{m[1]}]" if m[1] in names else m[0], text)
    return re.sub(r"^```(\w+) .*$", r"```\1", text, flags=re.MULTILINE), linked


def site_path(path: Path) -> Path:
    """Where the site shows a file or a folder that is no page."""
    return Path(SOURCE) / f"{path.relative_to(ROOT)}.md"


def listing(folder: Path) -> str:
    """A page that lists the files of a folder of stored results, with links."""
    own = DOCS / site_path(folder)
    files = sorted(path for path in folder.iterdir() if path.is_file())
    lines = [f"- [{path.name}]({os.path.relpath(path, own.parent)})" for path in files]
    return _page(folder, "\n".join(lines))


def source_page(path: Path) -> str:
    """A page that shows a file of the repository."""
    language = LANGUAGES.get(path.suffix, "text")
    return _page(path, f"````{language}\n{path.read_text(encoding='utf-8').rstrip()}\n````")


def _page(path: Path, content: str) -> str:
    """A page that the site's search leaves out."""
    title = path.relative_to(ROOT).as_posix()
    return f"---\ntitle: {title}\nsearch:\n  exclude: true\n---\n# {title}\n{content}\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
