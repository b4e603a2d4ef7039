"""docs/private_apis.md lists every private name of other libraries that the code touches."""

from __future__ import annotations

import ast
import re

import pytest

from tests.private_names import ROOT, Use, outright, private_uses

PAGE = (ROOT / "docs" / "private_apis.md").read_text()
ROWS = re.findall(r"^\| `(\S+)` \| `(\S+)` \| (.+) \| (.+) \|$", PAGE, flags=re.MULTILINE)


def test_the_page_lists_what_the_code_touches() -> None:
    listed = [Use(file, name) for name, file, _, _ in ROWS]
    assert sorted(listed) == sorted(private_uses())


@pytest.mark.parametrize("guard", sorted({guard for *_, guard in ROWS}))
def test_a_guard_is_there(guard: str) -> None:
    if guard.startswith("none: "):
        return
    file, _, name = guard.strip("`").partition("::")
    tests = ast.parse((ROOT / file).read_text()).body
    functions = [node.name for node in tests if isinstance(node, ast.FunctionDef)]
    assert name in functions if name else any(each.startswith("test_") for each in functions)


def test_a_foreign_private_name_is_found() -> None:
    """In all the ways that code can touch one."""
    text = """
import hydra._internal.utils
from torch._C import Size
from lightning import _base
name = "lightning.pytorch._graveyard"
known = getattr(object, "_abc_impl", None)
value = thing._private
class Mine(Base):
    def go(self):
        super()._go()
        return self._own, value._replace(a=1)
"""
    found = set(outright(ast.parse(text), {"_own", "_go"}))
    assert found == {
        "hydra._internal.utils",
        "torch._C.Size",
        "lightning._base",
        "lightning.pytorch._graveyard",
        "_abc_impl",
        "_private",
        "_go",
    }
