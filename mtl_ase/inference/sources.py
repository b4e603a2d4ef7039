"""The inputs that a user names: files, folders, patterns, lists, videos."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtl_ase.base.errors import UserError

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
LIST = ".txt"


@dataclass(frozen=True)
class Source:
    """One picture or video.

    Attributes:
        path: the file; it may be missing or unreadable.
        name: its name in the output, without an ending; inside a given folder the path below it.
    """

    path: Path
    name: str

    @property
    def is_video(self) -> bool:
        """Whether it is a video, by its ending."""
        return self.path.suffix.lower() in VIDEOS


def find_sources(inputs: Sequence[str]) -> list[Source]:
    """All pictures and videos of the inputs, in order.

    Args:
        inputs: files; folders, of which all pictures and videos are taken, also in folders inside;
            patterns with * or ?; lists, text files with one path a line, relative to the list.

    Raises:
        UserError: an input has none, or two files would have the same name in the output.
    """
    sources = [source for text in inputs for source in _sources_of(text)]
    first: dict[str, Path] = {}
    for source in sources:
        if first.setdefault(source.name, source.path) != source.path:
            raise UserError(
                f"{first[source.name]} and {source.path} would both be written as {source.name}; "
                "predict them into two folders."
            )
    return list(dict.fromkeys(sources))


def _sources_of(text: str) -> list[Source]:
    path = Path(text).expanduser()
    if path.is_dir():
        found = [
            Source(file, file.relative_to(path).with_suffix("").as_posix())
            for file in sorted(path.rglob("*"))
            if _is_wanted(file.relative_to(path)) and file.is_file()
        ]
        if not found:
            raise UserError(f"input={text} holds no picture or video; give another folder.")
        return found
    if path.suffix.lower() == LIST:
        return list(_listed(path))
    if not path.exists() and glob.has_magic(text):
        files = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207  # of any root
        if not files:
            raise UserError(f"input={text} matches no file; check the pattern.")
        return [Source(file, file.stem) for file in files if file.is_file()]
    return [Source(path, path.stem)]


def _listed(path: Path) -> Iterator[Source]:
    """The files that a list names.

    Raises:
        UserError: the list can't be read, or is empty.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"input={path} can't be read as a list of paths ({error}); write one path a line."
        ) from error
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise UserError(f"input={path} lists no path; write one a line.")
    for name in names:
        file = path.parent / Path(name).expanduser()
        yield Source(file, file.stem)


def _is_wanted(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and path.suffix.lower() in (*IMAGES, *VIDEOS)
