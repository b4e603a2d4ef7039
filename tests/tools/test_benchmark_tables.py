"""The documentation's tables of benchmarks are those of the stored files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtl_ase.tools.benchmark_tables import MARKED, PAGES, STORED, TABLES, with_tables


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_tables_are_what_is_stored(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert with_tables(page) == page, "run python scripts/benchmark_tables.py --write"


def test_every_stored_file_of_a_table_is_shown() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    shown = {found["name"] for found in MARKED.finditer(pages)}
    stored = {path.stem for path in STORED.glob("*.json")}
    assert shown == {name for name in stored if name.partition("_")[0] in TABLES}
    assert "scaling" in shown


def test_what_stands_between_marks_is_replaced() -> None:
    page = "a\n<!-- scaling.json -->\nold\n<!-- end -->\nb\n"
    new = with_tables(page)
    assert new.startswith("a\n<!-- scaling.json -->\n| network |")
    assert new.endswith("|\n<!-- end -->\nb\n")
    assert "old" not in new
    assert with_tables(new) == new
