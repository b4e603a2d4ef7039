"""The picture of the house, as SVG: rooms by what they import, the fewest arrows that say it.

An arrow from a room to another above it says: it imports from there. Left out are arrows that
follow from others: what imports from `training` may also import from what `training` imports from.
"""

from __future__ import annotations

import ast
import importlib
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "mtl_ase"
PICTURE = ROOT / "docs" / "figures" / "house.svg"
BOX_W, BOX_H, GAP_X, GAP_Y, BEND_W, MARGIN = 196, 92, 16, 34, 14, 12
LETTERS = 26
"""Letters in a line of a box."""

Imports = Mapping[str, set[str]]


class Place(NamedTuple):
    """A place in a row: a room, or where an arrow "from>to" passes between rooms."""

    row: int
    name: str

    @property
    def is_room(self) -> bool:
        """Whether a box stands here."""
        return ">" not in self.name


def rooms() -> list[str]:
    """The rooms in the order that README.md gives."""
    drawn = re.search(r"```text\n(base -> .*?)\n```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert drawn is not None, "README.md draws the house"
    return re.findall(r"\w+", drawn[1])


def imports_of(names: Sequence[str]) -> dict[str, set[str]]:
    """The rooms that each room imports from, at its top or inside its functions."""
    found = {}
    for name in names:
        trees = [ast.parse(path.read_text()) for path in (PACKAGE / name).rglob("*.py")]
        modules = {module for tree in trees for module in _imported(tree)}
        parts = {module.split(".")[1] for module in modules if "." in module}
        found[name] = (parts & set(names)) - {name}
    return found


def needed(imports: Imports) -> dict[str, set[str]]:
    """The imports without those that follow from others (the transitive reduction)."""
    below = {name: _reached(name, imports) for name in imports}
    return {
        name: {one for one in direct if not any(one in below[other] for other in direct - {one})}
        for name, direct in imports.items()
    }


def rows_of(arrows: Imports) -> list[list[str]]:
    """Rooms by the length of the longest way up to a room without imports."""
    depth: dict[str, int] = {}

    def of(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((of(above) for above in arrows[name]), default=-1)
        return depth[name]

    for name in arrows:
        of(name)
    return [[n for n in arrows if depth[n] == row] for row in range(max(depth.values()) + 1)]


def picture() -> str:
    """The whole SVG."""
    names = rooms()
    arrows = needed(imports_of(names))
    ways = list(_ways(rows_of(arrows), arrows))
    rows = _ordered(ways)
    x = _columns(rows)
    width = round(max(x.values()) + BOX_W / 2 + MARGIN)
    height = len(rows) * (BOX_H + GAP_Y) - GAP_Y + 2 * MARGIN
    boxes = [_box(p, names.index(p.name) + 1, x[p]) for row in rows for p in row if p.is_room]
    return "\n".join([*_head(width, height), *(_arrow(way, x) for way in ways), *boxes, "</svg>\n"])


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mtl_ase"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("mtl_ase"))


def _reached(name: str, imports: Imports) -> set[str]:
    found: set[str] = set()
    ahead = list(imports[name])
    while ahead:
        one = ahead.pop()
        if one not in found:
            found.add(one)
            ahead += imports[one]
    return found


def _ways(rows: list[list[str]], arrows: Imports) -> Iterator[list[Place]]:
    """Every arrow as the places that it leads through, one a row."""
    room = {name: Place(number, name) for number, row in enumerate(rows) for name in row}
    for name, above in arrows.items():
        for target in sorted(above):
            between = range(room[name].row - 1, room[target].row, -1)
            yield [room[name], *(Place(row, f"{name}>{target}") for row in between), room[target]]


def _ordered(ways: list[list[Place]]) -> list[list[Place]]:
    """The rows, each in an order in which few arrows cross.

    Every row is sorted by the mean column of what its places are joined to in the row above, then
    below, some times over (Sugiyama's barycentre heuristic).
    """
    places = sorted({place for way in ways for place in way})
    rows = [[p for p in places if p.row == row] for row in range(places[-1].row + 1)]
    steps = [step for way in ways for step in pairwise(way)]
    for turn in range(12):
        above = turn % 2 == 0
        for row in rows if above else reversed(rows):
            x = _columns(rows)
            joined = {
                p: [x[a if above else b] for b, a in steps if p == (b if above else a)] for p in row
            }
            row.sort(key=lambda p: sum(joined[p]) / len(joined[p]) if joined[p] else x[p])
    return rows


def _columns(rows: list[list[Place]]) -> dict[Place, float]:
    """The middle of every place; rows are centred."""
    widths = [[BOX_W if place.is_room else BEND_W for place in row] for row in rows]
    totals = [sum(row) + GAP_X * (len(row) - 1) for row in widths]
    x = {}
    for row, width, total in zip(rows, widths, totals, strict=True):
        left = MARGIN + (max(totals) - total) / 2
        for place, own in zip(row, width, strict=True):
            x[place] = left + own / 2
            left += own + GAP_X
    return x


def _head(width: int, height: int) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="system-ui, sans-serif" role="img">'
    )
    yield "<title>The rooms of mtl_ase, and which import from which</title>"
    yield (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#5b6472"/></marker></defs>'
    )
    yield f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>'


def _arrow(way: list[Place], x: Mapping[Place, float]) -> str:
    """A line from the top of a room to the bottom of one above, straight where it passes rows."""
    path = f"M{x[way[0]]:.0f} {_top(way[0].row):.0f}"
    for below, above in pairwise(way):
        start, end = _top(below.row), _top(above.row) + BOX_H
        bend = (start + end) / 2
        path += f" C{x[below]:.0f} {bend:.0f} {x[above]:.0f} {bend:.0f} {x[above]:.0f} {end:.0f}"
        if not above.is_room:
            path += f" V{_top(above.row):.0f}"
    return f'<path d="{path}" fill="none" stroke="#5b6472" marker-end="url(#tip)"/>'


def _box(place: Place, number: int, x: float) -> str:
    """A room: its number in the order of the house, its name, what it says that it is."""
    y, left = _top(place.row), x - BOX_W / 2 + 10
    said = importlib.import_module(f"mtl_ase.{place.name}").__doc__ or ""
    first = " ".join(said.split("\n\n")[0].replace("`", "").split())
    first = re.sub(rf"^{place.name}: ", "", first, flags=re.IGNORECASE)
    first = first[0].upper() + first[1:]
    words = textwrap.wrap(first, LETTERS, max_lines=4, placeholder=" ...")
    texts = "".join(
        f'<text x="{left:.0f}" y="{y + 37 + 15 * line:.0f}" font-size="13" fill="#3a4250">'
        f"{escape(text)}</text>"
        for line, text in enumerate(words)
    )
    return (
        f'<rect x="{x - BOX_W / 2:.0f}" y="{y:.0f}" width="{BOX_W}" height="{BOX_H}" rx="6" '
        f'fill="#eef2fa" stroke="#3f51b5"/>'
        f'<text x="{left:.0f}" y="{y + 20:.0f}" font-size="15.5" font-weight="bold" fill="#1d2433">'
        f"{number} {place.name}</text>{texts}"
    )


def _top(row: int) -> float:
    return MARGIN + row * (BOX_H + GAP_Y)
