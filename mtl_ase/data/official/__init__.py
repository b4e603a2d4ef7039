"""The published lists of a data set's splits, shipped with the package."""

from __future__ import annotations

from pathlib import Path


def official_file(name: str, split: str) -> Path | None:
    """The published list of a data set's split, or None where none ships."""
    path = Path(__file__).parent / name / f"{split}.txt"
    return path if path.is_file() else None


def official_lists(name: str) -> dict[str, list[str]]:
    """The published image ids of a data set by split; none where none ship."""
    paths = sorted((Path(__file__).parent / name).glob("*.txt"))
    return {path.stem: path.read_text(encoding="utf-8").split() for path in paths}
