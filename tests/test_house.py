"""The house as the README draws it: rooms import only from rooms to their left."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DRAWN = re.search(r"```text\n(sweeps -> .*)\n```", (ROOT / "README.md").read_text())
ROOMS = DRAWN[1].split(" -> ") if DRAWN else []


def imported(path: Path) -> set[str]:
    """The rooms that a file imports from."""
    names = {
        node.module.split(".")[1]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mtl_ase.")
    }
    return names & set(ROOMS)


def test_all_rooms_are_drawn() -> None:
    there = {path.parent.name for path in (ROOT / "mtl_ase").glob("*/__init__.py")}
    assert there - set(ROOMS) == {"benchmarks"}
    assert set(ROOMS) <= there


@pytest.mark.parametrize("number", range(len(ROOMS)), ids=ROOMS)
def test_a_room_looks_only_to_its_left(number: int) -> None:
    files = list((ROOT / "mtl_ase" / ROOMS[number]).rglob("*.py"))
    assert files
    for path in files:
        assert imported(path) <= set(ROOMS[: number + 1]), path
