"""The code in README.md and docs/: fences, by their info string, and the commands in them.

Info strings: `bash` is run, `bash gpu` needs several GPUs or a cluster, `bash data` needs what has
to be downloaded, `bash long` takes long even when cut short; `python` is run, or is a file of the
page's, like `yaml`, if the line before names one; `text` is nothing to run.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.pages import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"(?:^`(?P<file>[\w/]+\.\w+)`:\n)?^```(?P<info>.*)\n(?P<text>(?:.*\n)*?)```$", re.MULTILINE
)
INFOS = ("bash", "bash gpu", "bash data", "bash long", "python", "yaml", "text")


class Fence(NamedTuple):
    """A block of code; `file` is the name that the page gives it."""

    page: str
    line: int
    info: str
    text: str
    file: str | None


class Command(NamedTuple):
    """A command line as a reader types it, without its comment."""

    page: str
    line: int
    text: str
    kind: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {self.text}"


def fences() -> list[Fence]:
    """All of them, page by page."""
    found = []
    for page in PAGES:
        text, name = page.read_text(), str(page.relative_to(ROOT))
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start("info")) + 1
            found.append(Fence(name, line, match["info"], match["text"], match["file"]))
    return found


def commands() -> list[Command]:
    """Those of all bash fences; a line that ends with a backslash goes on."""
    found = []
    for fence in fences():
        if fence.info.startswith("bash"):
            kind, number = fence.info.removeprefix("bash").strip(), fence.line + 1
            for line in fence.text.replace("\\\n", "\\\\").split("\n"):
                words = re.sub(r"(^|\s+)#.*$", "", line.replace("\\\\", " "))
                if words.strip():
                    found.append(Command(fence.page, number, " ".join(words.split()), kind))
                number += 1 + line.count("\\\\")
    return found
