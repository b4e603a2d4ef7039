"""Line charts over optimiser steps, as SVG.

Colours and dashes are those of the style sheet, by number; they follow the page into the dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mtl_ase.run_pages.markup import element, joined
from mtl_ase.run_pages.numbers import digits, ticks

WIDTH, HEIGHT = 360, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 30
NUM_STYLES = 8
MOST_POINTS = 200
Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line.

    Attributes:
        name: for the legend.
        points: (step, value), in order.
        style: number of its colour and dashes.
    """

    name: str
    points: Sequence[Point]
    style: int = 0


@dataclass(frozen=True)
class Chart:
    """A chart with its caption and legend.

    Attributes:
        title: caption.
        note: behind the caption, e.g. the unit.
        series: the lines.
        drawing: the SVG.
    """

    title: str
    note: str
    series: Sequence[Series]
    drawing: Markup


def line_chart(
    title: str,
    series: Sequence[Series],
    note: str = "",
    level: tuple[str, float] | None = None,
    span: tuple[float, float] | None = None,
) -> Chart:
    """A chart of lines over steps.

    Args:
        title: what is shown.
        series: the lines; points that are no finite numbers are left out.
        note: e.g. the unit.
        level: name and value of a horizontal line.
        span: what the values' axis must at least span.
    """
    finite = [Series(s.name, thinned(s.points), s.style) for s in series]
    finite = [s for s in finite if s.points]
    if not finite:
        return Chart(title, note, [], Markup(""))
    steps = [step for s in finite for step, _ in s.points]
    values = [value for s in finite for _, value in s.points]
    values += [] if level is None else [level[1]]
    frame = _Frame(*_span(steps, 0.5), *_span([*values, *(span or ())], 0.05))
    parts = [*_grid(frame), *_level(frame, level)]
    for one in finite:
        parts += _line(frame, one)
    drawing = element(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=_in_words(title, note, finite),
        class_="chart",
        data_frame=" ".join(f"{number:.10g}" for number in frame.numbers()),
    )
    return Chart(title, note, finite, drawing)


def thinned(points: Sequence[Point]) -> list[Point]:
    """The finite points; of more than 200, means of neighbours, so that a page stays small."""
    known = [point for point in points if all(map(math.isfinite, point))]
    if len(known) <= MOST_POINTS:
        return known
    size = math.ceil(len(known) / MOST_POINTS)
    groups = [known[start : start + size] for start in range(0, len(known), size)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


@dataclass(frozen=True)
class _Frame:
    """From steps and values to places."""

    first: float
    last: float
    low: float
    high: float

    def x(self, step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (step - self.first) / (self.last - self.first)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def numbers(self) -> tuple[float, ...]:
        """What the script needs to turn places back into numbers."""
        return self.first, self.last, self.low, self.high, LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM


def _span(values: Sequence[float], margin: float) -> tuple[float, float]:
    """The least and the greatest, with a margin where they are the same or where values end."""
    low, high = min(values), max(values)
    room = (high - low) * margin if margin < 0.5 else 0.0
    if high == low:
        room = abs(low) * 0.1 or 0.5
    return low - room, high + room


def _grid(frame: _Frame) -> list[Markup]:
    parts = []
    for value in ticks(frame.low, frame.high, 5):
        y = frame.y(value)
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        text = f"{value:,.6g}"
        parts.append(element("text", text, x=LEFT - 6, y=y + 3.5, class_="end"))
    for step in ticks(frame.first, frame.last, 5):
        x = frame.x(step)
        if step == int(step):
            parts.append(element("text", f"{int(step):,}", x=x, y=HEIGHT - 14, class_="middle"))
    parts.append(element("text", "step", x=WIDTH - RIGHT, y=HEIGHT - 2, class_="end"))
    return parts


def _level(frame: _Frame, level: tuple[str, float] | None) -> list[Markup]:
    if level is None:
        return []
    name, value = level
    y = frame.y(value)
    return [
        element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="level"),
        element("text", name, x=WIDTH - RIGHT, y=y - 4, class_="end"),
    ]


def _line(frame: _Frame, series: Series) -> list[Markup]:
    places = [(frame.x(step), frame.y(value)) for step, value in series.points]
    style = f"s{series.style % NUM_STYLES}"
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    line = element("polyline", points=points, class_=f"line {style}", data_name=series.name)
    dots = places if len(places) <= 2 else []
    return [line, *(element("circle", cx=x, cy=y, r=3, class_=f"dot {style}") for x, y in dots)]


def _in_words(title: str, note: str, series: Sequence[Series]) -> str:
    """What a screen reader says instead of the drawing."""
    told = [
        f"{one.name or title} from {digits(one.points[0][1])} at step {one.points[0][0]:,.0f} "
        f"to {digits(one.points[-1][1])} at step {one.points[-1][0]:,.0f}"
        for one in series
    ]
    return f"Line chart, {title}{f' ({note})' if note else ''}: {'; '.join(told)}."


def legend(series: Sequence[Series]) -> Markup:
    """The names of lines with their colours and dashes."""
    entries = [
        element(
            "li",
            element(
                "svg",
                element("line", x1=0, x2=24, y1=5, y2=5, class_=f"line s{one.style % NUM_STYLES}"),
                viewBox="0 0 24 10",
                aria_hidden="true",
            ),
            one.name,
        )
        for one in series
    ]
    return element("ul", joined(entries), class_="legend")
