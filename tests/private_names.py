"""Finds the private names of other libraries in our code: what docs/private_apis.md must list."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "mtl_ase").rglob("*.py"), *(ROOT / "scripts").glob("*.py")])
DOCUMENTED = {"_asdict", "_exit", "_fields", "_make", "_replace"}
"""Public in spite of their underscore: of named tuples, and `os._exit`."""
PRIVATE = re.compile(r"_[A-Za-z]\w*")
DOTTED = re.compile(r"(?:hydra|lightning|omegaconf|timm|torch|torchmetrics)(?:\.\w+)*\._[a-z]\w*")


class Use(NamedTuple):
    """A private name of another library in one of our files.

    Attributes:
        file: path in the checkout.
        name: an attribute's name; or the import path, of what is imported.
    """

    file: str
    name: str


def private_uses() -> set[Use]:
    """All uses in our package and scripts."""
    trees = {path: ast.parse(path.read_text()) for path in FILES}
    ours = {name for tree in trees.values() for name in _defined(tree)}
    return {
        Use(path.relative_to(ROOT).as_posix(), name)
        for path, tree in trees.items()
        for name in [*outright(tree, ours), *_inherited(path, tree)]
    }


def _defined(tree: ast.AST) -> Iterator[str]:
    """Names that our code defines: functions, classes, variables, attributes of self."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield from [node.attr] if _is_self(node.value) else []


def outright(tree: ast.AST, ours: set[str]) -> Iterator[str]:
    """Names that are imported, asked of other objects, or written as text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("mtl_ase"):
            paths = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (path for path in paths if "._" in path and "__future__" not in path)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if "._" in alias.name)
        elif isinstance(node, ast.Attribute) and PRIVATE.fullmatch(node.attr):
            of_others = not _is_self(node.value) and node.attr not in ours
            if (of_others or _is_super(node.value)) and node.attr not in DOCUMENTED:
                yield node.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr"):
            name = getattr(node.args[1], "value", None)
            if isinstance(name, str) and PRIVATE.fullmatch(name) and name not in ours:
                yield name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from DOTTED.findall(node.value) if DOTTED.fullmatch(node.value) else ()


def _inherited(path: Path, tree: ast.AST) -> Iterator[str]:
    """Private names that a class of ours shares with a class of others that it extends."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef) or not node.bases or "scripts" in path.parts:
            continue
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        made = getattr(importlib.import_module(module), node.name, None)
        texts = [_source(base) for base in _foreign(made)]
        used = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
        for name in filter(PRIVATE.fullmatch, {*_defined(node), *used}):
            if any(re.search(rf"(?<!\w){name}\b", text) for text in texts):
                yield name


def _foreign(made: Any) -> list[type]:
    """The classes of libraries that a class extends, but for the standard library's own."""
    standard = {"abc", "builtins", "enum", "typing", "collections", "argparse", "threading"}
    return [
        base
        for base in getattr(made, "__mro__", ())
        if base.__module__.partition(".")[0] not in {"mtl_ase", *standard}
    ]


@functools.cache
def _source(made: type) -> str:
    """The text of a class; of one that is compiled, its names."""
    try:
        return inspect.getsource(made)
    except (OSError, TypeError):
        return " ".join(vars(made))


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def _is_super(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "super"
