"""Means with their intervals side by side, as SVG: a line for every group of runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from mtl_ase.pages.markup import element
from mtl_ase.pages.numbers import digits, ticks
from mtl_ase.pages.seed_groups import Spread

WIDTH, LINE, LEFT, RIGHT, BOTTOM = 360, 26, 12, 12, 34


def interval_chart(title: str, names: Sequence[str], spreads: Sequence[Spread]) -> Markup:
    """Points for seeds, a larger one for the mean, a bar for its interval; the name above each.

    Args:
        title: what is shown, with its unit.
        names: of the groups.
        spreads: their values; groups without any have a name only.
    """
    ends = [value for spread in spreads for value in spread.values.values()]
    for spread in spreads:
        if math.isfinite(spread.margin):
            ends += [spread.mean - spread.margin, spread.mean + spread.margin]
    if not ends:
        return Markup("")
    low, high = min(ends), max(ends)
    room = 0.06 * (high - low) or max(0.1, 0.05 * abs(high))
    low, high = low - room, high + room

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)

    height = 2 * LINE * len(names) / 1.4
    parts = []
    for value in ticks(low, high, 5):
        place = x(value)
        parts.append(element("line", x1=place, x2=place, y1=0, y2=height, class_="grid"))
        parts.append(element("text", f"{value:g}", x=place, y=height + 14, class_="middle"))
    parts.append(element("text", title, x=WIDTH / 2, y=height + 30, class_="middle"))
    for number, (name, spread) in enumerate(zip(names, spreads, strict=True)):
        top = number * 2 * LINE / 1.4
        y = top + 24
        parts.append(element("text", name, x=LEFT, y=top + 12))
        if math.isfinite(spread.margin):
            first, last = x(spread.mean - spread.margin), x(spread.mean + spread.margin)
            parts.append(element("line", x1=first, x2=last, y1=y, y2=y, class_="line s0"))
        for value in spread.values.values():
            parts.append(element("circle", cx=x(value), cy=y, r=2.5, class_="seed"))
        if math.isfinite(spread.mean):
            parts.append(element("circle", cx=x(spread.mean), cy=y, r=4.5, class_="dot s0"))
    told = "; ".join(
        f"{name} {digits(spread.mean)}"
        + (f" plus or minus {digits(spread.margin)}" if math.isfinite(spread.margin) else "")
        for name, spread in zip(names, spreads, strict=True)
    )
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {height + BOTTOM:.0f}",
        role="img",
        aria_label=f"{title}: {told}",
        class_="chart",
    )
