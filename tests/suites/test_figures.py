"""Figures with points, with lines and of experts."""

from __future__ import annotations

import math
from pathlib import Path

from mtl_ase.evaluation.spread import Spread
from mtl_ase.suites.figure import experts, lines, points, save
from mtl_ase.suites.outcome import Outcome
from mtl_ase.suites.suite import read_suite

NONE = Spread.of({})


def outcome(row: str, values: dict[int, float]) -> Outcome:
    return Outcome(row, {}, Spread.of(values), NONE, math.nan, 1, 1, 1, 1.0, [])


def test_gains_over_the_baseline_stand_beside_delta_m_without_the_reference() -> None:
    suite = read_suite("table1")
    known = {
        "stl_resnet18": ({0: -9.0, 1: 9.0}, {0: -19.0, 1: -1.0}),
        "ase_16": ({0: 8.0}, {0: 2.0}),
    }
    found = [
        outcome(row, own)._replace(over_baseline=Spread.of(over))
        for row, (own, over) in known.items()
    ]
    found.append(outcome(suite.baseline, {0: 6.0}))
    own, over, published = points(suite, found).axes
    assert [bars.lines[0].get_xdata().tolist() for bars in own.containers] == [[0.0], [8.0], [6.0]]
    assert [bars.lines[0].get_xdata().tolist() for bars in over.containers] == [[2.0]]
    assert over.get_xlabel() == "gain over LoRA-MoE 16/4/0/4, %"
    assert len(published.lines) == 4  # three rows, and the line at 0


def test_a_line_for_every_series_with_what_is_known(tmp_path: Path) -> None:
    suite = read_suite("fig3a")
    known = {row: {0: 1.0, 1: 2.0} for row in suite.rows} | {"ase_k5": {}, "ase_k4": {0: 3.0}}
    figure = lines(suite, [outcome(row, values) for row, values in known.items()])
    (axes,) = figure.axes
    of_series = {bars.get_label(): bars.lines[0] for bars in axes.containers}
    assert list(of_series) == ["LoRA-MoE", "ASE, S = 1"]
    assert of_series["LoRA-MoE"].get_ydata().tolist() == [1.5] * 6
    assert of_series["ASE, S = 1"].get_ydata().tolist() == [1.5, 3.0, 1.5, 1.5]
    assert [round(x) for x in of_series["ASE, S = 1"].get_xdata()] == [4, 5, 7, 8]
    save(figure, tmp_path / "lines")
    assert {path.name for path in tmp_path.iterdir()} == {"lines.png", "lines.svg"}


def test_a_panel_for_every_step_of_experts() -> None:
    gates = {"0 ffn": [[0.5, 0.5], [0.9, 0.1]], "1 ffn": [[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]}
    figure = experts({"steps": [1, 40], "gates": {"edge": gates}}, "edge", "ASE")
    first, last = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert first.tolist() == [[0.5, 0.5, None], [0.2, 0.3, 0.5]]
    assert last.tolist()[1] == [0.1, 0.1, 0.8]
