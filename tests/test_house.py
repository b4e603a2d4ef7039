"""The house as the README draws it: rooms import only from rooms to their left, without circles."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mtl_ase"
DRAWN = re.search(r"```text\n(base -> .*?)\n```", (ROOT / "README.md").read_text(), re.DOTALL)
ROOMS = re.findall(r"\w+", DRAWN[1]) if DRAWN else []
FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    """The dotted name of a file; a package's for its `__init__.py`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imported(path: Path) -> Iterator[str]:
    """The modules of ours that a file imports when it is loaded, or inside its functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mtl_ase"):
            assert node.level == 0
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)


def rooms_of(path: Path) -> set[str]:
    """The rooms that a file imports from."""
    return {name.split(".")[1] for name in imported(path) if "." in name}


def test_all_rooms_are_drawn() -> None:
    there = [path.parent.name for path in PACKAGE.glob("*/__init__.py")]
    assert sorted(ROOMS) == sorted(there)


def test_nothing_lies_outside_the_rooms() -> None:
    assert [path.name for path in PACKAGE.glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("number", range(len(ROOMS)), ids=ROOMS)
def test_a_room_looks_only_to_its_left(number: int) -> None:
    files = list((PACKAGE / ROOMS[number]).rglob("*.py"))
    assert files
    for path in files:
        assert rooms_of(path) <= set(ROOMS[: number + 1]), path


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: set(imported(path)) - {name} for name, path in MODULES.items()}
    order = list(TopologicalSorter(graph).static_order())
    assert set(order) >= set(MODULES)


def test_the_architecture_page_draws_the_same_house() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert DRAWN is not None
    assert DRAWN[0] in page
