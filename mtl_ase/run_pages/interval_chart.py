"""Means with their intervals side by side, as SVG: a line for every group of runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from mtl_ase.evaluation.spread import Spread
from mtl_ase.run_pages.line_chart import Chart
from mtl_ase.run_pages.markup import element
from mtl_ase.run_pages.numbers import digits, ticks

WIDTH, ROW, LEFT, RIGHT, BOTTOM = 360, 38, 12, 12, 18


def interval_chart(
    title: str, note: str, names: Sequence[str], spreads: Sequence[Spread]
) -> Chart | None:
    """Points for seeds, a larger one for the mean, a bar for its interval; the name above each.

    Args:
        title: what is shown.
        note: its unit and direction.
        names: of the groups.
        spreads: their values; groups without any have a name only.
    """
    ends = [value for spread in spreads for value in (*spread.values.values(), *_ends(spread))]
    if not ends:
        return None
    scale = _Scale.of(ends)
    height = ROW * len(names)
    parts: list[Markup] = []
    for value in ticks(scale.low, scale.high, 5):
        x = scale.x(value)
        parts.append(element("line", x1=x, x2=x, y1=0, y2=height, class_="grid"))
        parts.append(element("text", f"{value:g}", x=x, y=height + 14, class_="middle"))
    for number, (name, spread) in enumerate(zip(names, spreads, strict=True)):
        parts += _group(scale, name, spread, number * ROW)
    told = "; ".join(map(_in_words, names, spreads))
    drawing = element(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {height + BOTTOM}",
        role="img",
        aria_label=f"Means with intervals, {title} ({note}): {told}.",
        class_="chart",
    )
    return Chart(title, note, [], drawing)


class _Scale(NamedTuple):
    """From values to places."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> _Scale:
        low, high = min(values), max(values)
        room = 0.06 * (high - low) or max(0.1, 0.05 * abs(high))
        return cls(low - room, high + room)

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - self.low) / (self.high - self.low)


def _ends(spread: Spread) -> tuple[float, ...]:
    """Those of the interval; none where it is not known."""
    if not math.isfinite(spread.margin):
        return ()
    return spread.mean - spread.margin, spread.mean + spread.margin


def _group(scale: _Scale, name: str, spread: Spread, top: float) -> list[Markup]:
    y = top + 24
    parts = [element("text", name, x=LEFT, y=top + 12)]
    if ends := _ends(spread):
        first, last = map(scale.x, ends)
        parts.append(element("line", x1=first, x2=last, y1=y, y2=y, class_="line s0"))
    parts += [
        element("circle", cx=scale.x(value), cy=y, r=2.5, class_="seed")
        for value in spread.values.values()
    ]
    if spread.values:
        parts.append(element("circle", cx=scale.x(spread.mean), cy=y, r=4.5, class_="dot s0"))
    return parts


def _in_words(name: str, spread: Spread) -> str:
    margin = f" plus or minus {digits(spread.margin)}" if _ends(spread) else ""
    return f"{name} {digits(spread.mean)}{margin}"
