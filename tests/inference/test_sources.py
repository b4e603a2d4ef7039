"""Files, folders, patterns and lists of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.inference.sources import find_sources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a (1).PNG", "deep/c.webp", "film.mp4", "notes.md", ".hidden/d.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "photos"


def names(*inputs: object) -> list[str]:
    return [source.name for source in find_sources([str(text) for text in inputs])]


def test_a_folder_gives_its_pictures_and_videos(folder: Path) -> None:
    assert names(folder) == ["a (1)", "b", "deep/c", "film"]
    assert [s.is_video for s in find_sources([str(folder)])] == [False, False, False, True]


def test_files_patterns_and_lists(folder: Path) -> None:
    assert names(folder / "b.jpg", folder / "a (1).PNG") == ["b", "a (1)"]
    assert names(folder / "*.jpg") == ["b"]
    assert names(folder / "**" / "*.webp") == ["c"]
    (folder / "list.txt").write_text("b.jpg\n\n  deep/c.webp \n")
    assert names(folder / "list.txt") == ["b", "c"]
    assert names(folder / "list.txt", folder / "b.jpg") == ["b", "c"], "each once"


def test_missing_files_are_left_to_whoever_reads_them(folder: Path) -> None:
    assert names(folder / "missing.jpg") == ["missing"]


def test_what_gives_nothing_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no picture or video"):
        find_sources([str(tmp_path / "empty")])
    with pytest.raises(UserError, match="matches no file"):
        find_sources([str(folder / "*.bmp")])
    (folder / "list.txt").write_text("\n")
    with pytest.raises(UserError, match="lists no path"):
        find_sources([str(folder / "list.txt")])
    with pytest.raises(UserError, match="can't be read as a list of paths"):
        find_sources([str(folder / "other.txt")])


def test_two_files_of_one_name_are_refused(folder: Path) -> None:
    (folder / "deep" / "b.png").touch()
    with pytest.raises(UserError, match="would both be written as b; predict them into two"):
        find_sources([str(folder / "b.jpg"), str(folder / "deep" / "b.png")])
