"""The tables in docs/security and the tests of attacks name each other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLES = {
    path.stem: [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        for line in path.read_text().splitlines()
        if line.startswith("| ") and "::" in line
    ]
    for path in sorted((ROOT / "docs" / "security").glob("*.md"))
}
ROWS = [row for rows in TABLES.values() for row in rows]
NAMED = [name for row in ROWS for name in re.findall(r"tests/[\w/]+\.py::\w+", row[-1])]
GROUPS = ("config", "checkpoint", "data", "wrong_use", "numbers", "environment", "at_once")


def functions_in(path: Path) -> set[str]:
    """The names of a file's test functions."""
    tree = ast.parse(path.read_text())
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return {node.name for node in functions if node.name.startswith("test_")}


def test_there_are_as_many_as_promised() -> None:
    assert len(ROWS) >= 120
    assert all(len(row) == 4 for row in ROWS)


@pytest.mark.parametrize("group", TABLES)
def test_the_page_counts_them(group: str) -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    found = re.search(rf"\(security/{group}\.md\)[^|]*\| (\d+) \| (\d+) \| (\d+) \|", page)
    assert found
    outcomes = [row[2] for row in TABLES[group]]
    held = sum(outcome.startswith("held") for outcome in outcomes)
    mended = sum(outcome.startswith("mended") for outcome in outcomes)
    assert [int(number) for number in found.groups()] == [len(outcomes), held, mended]


@pytest.mark.parametrize("name", sorted(set(NAMED)))
def test_a_named_test_exists(name: str) -> None:
    file, function = name.split("::")
    assert function in functions_in(ROOT / file)


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_of_attacks_is_listed(group: str) -> None:
    files = list((ROOT / "tests" / "attacks").glob(f"test_{group}*.py"))
    assert files
    for file in files:
        there = {f"tests/attacks/{file.name}::{name}" for name in functions_in(file)}
        assert there <= set(NAMED), there - set(NAMED)
