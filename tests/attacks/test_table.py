"""The tables of docs/security.md and the tests of attacks name each other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip().strip("|").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith("| ") and "::" in line
]
NAMED = [name for row in ROWS for name in re.findall(r"tests/[\w/]+\.py::\w+", row[-1])]
GROUPS = ("config", "checkpoint", "data", "wrong_use", "numbers", "environment", "at_once")


def tests_in(path: Path) -> set[str]:
    """The names of a file's test functions."""
    tree = ast.parse(path.read_text())
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return {node.name for node in functions if node.name.startswith("test_")}


def test_there_are_as_many_as_promised() -> None:
    assert len(ROWS) >= 120
    assert all(len(row) == 4 for row in ROWS)


@pytest.mark.parametrize("name", sorted(set(NAMED)))
def test_a_named_test_exists(name: str) -> None:
    file, function = name.split("::")
    assert function in tests_in(ROOT / file)


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_of_attacks_is_listed(group: str) -> None:
    files = list((ROOT / "tests" / "attacks").glob(f"test_{group}*.py"))
    assert files
    for file in files:
        there = {f"tests/attacks/{file.name}::{name}" for name in tests_in(file)}
        assert there <= set(NAMED), there - set(NAMED)
