"""Charts and heat maps: what they say, and that they are well-formed."""

from __future__ import annotations

import base64
import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from mtl_ase.base.csv_rows import Rows
from mtl_ase.run_pages.colour_scale import DIVERGING, LEVELS, level_of, scale
from mtl_ase.run_pages.curves import loss_charts, score_charts
from mtl_ase.run_pages.gradient_maps import gradient_maps
from mtl_ase.run_pages.heat_map import heat_map
from mtl_ase.run_pages.interval_chart import interval_chart
from mtl_ase.run_pages.line_chart import MOST_POINTS, Series, line_chart, thinned
from mtl_ase.run_pages.markup import element
from mtl_ase.run_pages.numbers import digits, duration, signed, spread_out, ticks
from mtl_ase.run_pages.router_maps import MOST_STEPS, router_maps
from mtl_ase.run_pages.seed_groups import spread_of


def rects(drawing: str) -> list[dict[str, str]]:
    return [node.attrib for node in ElementTree.fromstring(drawing).iter("rect")]


def test_attributes_and_texts_are_escaped() -> None:
    drawn = element("text", "<b>&", aria_label='"><script>', class_="a")
    assert drawn == '<text aria-label="&#34;&gt;&lt;script&gt;" class="a">&lt;b&gt;&amp;</text>'
    assert element("rect", x=1.0, y=0.123456, fill=None) == '<rect x="1" y="0.12"/>'


@pytest.mark.parametrize("low", [-3.2, 0.0, 0.0371, 9150.0])
@pytest.mark.parametrize("size", [1e-4, 0.7, 3.0, 12345.0])
def test_ticks_are_round_and_within(low: float, size: float) -> None:
    found = ticks(low, low + size, 5)
    assert 2 <= len(found) <= 6
    assert all(low - 1e-9 <= value <= low + size + 1e-9 for value in found)
    steps = np.diff(found)
    assert np.allclose(steps, steps[0])
    first = f"{steps[0]:.3e}"[0]
    assert first in "125"


def test_numbers_are_printed_as_papers_do() -> None:
    assert [digits(v) for v in (None, math.nan, 0.0403, 61.234)] == ["-", "-", "0.0403", "61.23"]
    assert [signed(v, 50) for v in (0.126, -0.126)] == ["+0.13", "-0.13"]
    assert [duration(s) for s in (None, 12, 725, 12000)] == ["-", "12 s", "12 min", "3 h 20 min"]
    assert list(spread_out(3, 5)) == [0, 1, 2]
    assert list(spread_out(100, 4)) == [0, 33, 66, 99]


def test_a_long_line_is_thinned_to_means() -> None:
    points = [(float(step), float(step % 2)) for step in range(1000)]
    points[5] = (5.0, math.nan)
    thin = thinned(points)
    assert 100 < len(thin) <= MOST_POINTS
    assert thin[-1][0] == 999
    assert all(0.3 < value < 0.7 for _, value in thin)


def test_a_chart_draws_its_points_in_proportion_and_tells_them() -> None:
    chart = line_chart("loss", [Series("", [(0, 4.0), (5, 3.0), (10, 2.0)])])
    svg = ElementTree.fromstring(chart.drawing)
    line = next(svg.iter("polyline")).attrib["points"]
    (x0, y0), (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in line.split())
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y1 - y0 == pytest.approx(y2 - y1, abs=0.2)
    assert y2 > y0, "smaller values are further down"
    assert svg.attrib["role"] == "img"
    assert "from 4.00 at step 0 to 2.00 at step 10" in svg.attrib["aria-label"]


@pytest.mark.parametrize("points", [[(3, 0.04)], [(3, 0.0)], [(1, 2.0), (2, 2.0)]])
def test_few_or_equal_points_can_be_drawn(points: list[tuple[float, float]]) -> None:
    drawing = line_chart("x", [Series("", points)]).drawing
    assert "nan" not in drawing
    assert len(list(ElementTree.fromstring(drawing).iter("circle"))) == len(points)


def test_curves_are_of_all_tasks_and_scores() -> None:
    rows: Rows = [
        {"step": "0", "train/loss": "3", "train/semseg/loss": "2", "val/semseg/miou": ""},
        {"step": "9", "train/loss": "2", "train/semseg/loss": "1", "val/semseg/miou": "40"},
    ]
    assert [chart.title for chart in loss_charts({"a": rows})] == ["semseg", "all tasks"]
    scores = {"semseg/miou": "%"}
    assert score_charts({"a": rows}, scores, {}) == [], "a single validation is no curve"
    rows.append({"step": "19", "train/loss": "", "train/semseg/loss": "", "val/semseg/miou": "50"})
    (chart,) = score_charts({"a": rows, "b": rows[:2]}, scores, {"semseg/miou": True})
    assert (chart.title, chart.note) == ("semseg/miou", "%, higher is better")
    assert [line.name for line in chart.series] == ["a", "b"]
    assert loss_charts({"a": []}) == []


def test_a_heat_map_has_the_colour_of_every_value() -> None:
    values = np.array([[-1.0, 0.0, 1.0], [np.nan, 1.0, -1.0]])
    cells = rects(heat_map(values, ["a", "b"], (-1, 1), DIVERGING, "told", split=2))
    palette = scale(DIVERGING)
    assert [cell.get("fill") for cell in cells[:3]] == [palette[0], palette[32], palette[-1]]
    assert cells[3]["class"] == "unknown"
    lefts = [float(cell["x"]) for cell in cells[:3]]
    assert lefts[2] - lefts[1] > lefts[1] - lefts[0], "a gap before the split"
    assert level_of(5.0, 0, 1) == LEVELS - 1


def router_rows(steps: int) -> Rows:
    return [
        {
            "step": str(step),
            "layer": str(layer),
            "site": "ffn",
            "task": task,
            "expert": str(expert),
            "gate": str((expert + layer) / 10),
            "share": "0.5",
            "probability": "" if expert == 2 else "0.5",
        }
        for step in range(steps)
        for task in ("semseg", "edge")
        for layer in range(2)
        for expert in range(3 if layer else 2)
    ]


def test_router_maps_hold_what_was_logged() -> None:
    maps = router_maps(router_rows(3))
    assert maps is not None
    assert maps.data["steps"] == [0, 1, 2]
    assert (maps.data["experts"], maps.data["shared"], maps.more_steps) == (3, 1, None)
    stored = np.frombuffer(base64.b64decode(maps.data["values"]["gate"]), np.uint8)  # type: ignore[index]
    levels = stored.reshape(3, 2, 2, 3)  # steps, tasks, routers, experts
    assert levels[0, 0, 0].tolist() == [0, round(0.1 / 0.3 * 63), 255]
    assert levels[2, 1, 1].tolist() == [21, 42, 63]
    assert maps.strongest[-1].experts == "2 (0.30), 1 (0.20), 0 (0.10)"
    assert maps.strongest[-1].shared == pytest.approx(0.3)
    assert [len(rects(drawing)) for drawing in maps.drawings] == [6, 6]
    assert router_maps([]) is None


def test_of_many_steps_some_are_shown() -> None:
    maps = router_maps(router_rows(100))
    assert maps is not None
    steps = maps.data["steps"]
    assert isinstance(steps, list)
    assert (len(steps), steps[0], steps[-1], maps.more_steps) == (MOST_STEPS, 0, 99, 100)


def test_cosines_are_drawn_by_step_and_layer() -> None:
    rows: Rows = [
        {"step": step, "layer": layer, "task": "a_b", "other": other, "cosine": str(cosine)}
        for step, cosine in (("0", 0.5), ("50", -0.25))
        for layer in ("all", "block 0", "block 1")
        for other in ("c", "d")
        if step == "50" or other == "c"
    ]
    maps = gradient_maps(rows)
    assert maps is not None
    assert len(rects(maps.over_steps)) == len(rects(maps.by_layer or "")) == 4
    assert [(p.names, p.mean, p.conflicts) for p in maps.pairs] == [
        ("a b - c", 0.125, 50),
        ("a b - d", -0.25, 100),
    ]
    assert gradient_maps([]) is None


def test_intervals_are_drawn_from_seeds() -> None:
    spreads = [spread_of({"0": 1.0, "1": 3.0}), spread_of({"0": 2.0}), spread_of({})]
    chart = interval_chart("delta_m", "%", ["a", "b", "c"], spreads)
    assert chart is not None
    svg = ElementTree.fromstring(chart.drawing)
    assert len(list(svg.iter("circle"))) == 2 + 1 + 1 + 1
    assert "a 2.00 plus or minus 12.71; b 2.00; c -" in svg.attrib["aria-label"]
    assert interval_chart("x", "", ["c"], spreads[2:]) is None
