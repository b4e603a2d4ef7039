"""What rows reached: means, intervals, paired differences, holes; the same files every time."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from scipy import stats

from mtl_ase.evaluation.spread import Spread
from mtl_ase.suites.arguments import Arguments
from mtl_ase.suites.outcome import outcomes
from mtl_ase.suites.report import write_report
from mtl_ase.suites.reproduction import Reproduction
from mtl_ase.suites.result import Result, Results
from mtl_ase.suites.router_columns import router_columns
from mtl_ase.suites.router_steps import router_steps
from mtl_ase.suites.table import markdown

SUITE = """
title: Mine
reference: alone
baseline: together
rows:
  alone: {title: STL_1, overrides: [experiment=stl_vit], alone: true}
  together: {title: MTL, overrides: [experiment=mtl_vit], published: {semseg/miou: 60, delta_m: -1}}
  experts: {title: ASE, overrides: [experiment=ase]}
"""
TASKS = ["tasks=[semseg,normals]"]


def result(seconds: float | None = 20.0, **scores: float) -> Result:
    named = {key.replace("_", "/"): value for key, value in scores.items()}
    return Result(named, 2_000_000, 1_000_000, 10, seconds, 900, "abc", None)


@pytest.fixture
def suite(tmp_path: Path) -> Reproduction:
    """A suite with results: single tasks reach 50 and 20; 2 seeds of others, one lacks a row."""
    path = tmp_path / "mine.yaml"
    path.write_text(SUITE)
    output = f"output={tmp_path / 'out'}"
    made = Reproduction(Arguments.parse([str(path), "seeds=0,1,2", output, *TASKS]))
    known = {
        "together": [(55.0, 20.0), (50.0, 18.0)],  # +5, +5
        "experts": [(60.0, 20.0), (60.0, 18.0), (70.0, 20.0)],  # +10, +15, +20
    }
    for seed in range(3):
        for run, scores in zip(
            made.runs_of("alone", seed),
            ({"semseg_miou": 50.0}, {"normals_merr": 20.0}),
            strict=True,
        ):
            made.results.put(run, result(**scores))
    for row, of_seeds in known.items():
        for seed, (miou, merr) in enumerate(of_seeds):
            (run,) = made.runs_of(row, seed)
            made.results.put(run, result(semseg_miou=miou, normals_merr=merr))
    return made


def test_intervals_are_student_s() -> None:
    spread = Spread.of({0: 1.0, 1: 2.0, 2: 3.0, 3: math.nan})
    assert (spread.mean, len(spread.values)) == (2.0, 3)
    assert spread.margin == pytest.approx(stats.t.ppf(0.975, 2) / math.sqrt(3))
    assert math.isnan(Spread.of({0: 1.0}).margin)
    assert math.isnan(Spread.of({}).mean)


def test_gains_and_pairs(suite: Reproduction) -> None:
    found = outcomes(suite.suite, (0, 1, 2), suite.runs_of, suite.results.get, suite.directions)
    alone, together, experts = found
    assert alone.gain.mean == pytest.approx(0)
    assert together.gain.values == pytest.approx({0: 5, 1: 5})
    assert together.missing == [2]
    assert experts.gain.values == pytest.approx({0: 10, 1: 15, 2: 20})
    assert experts.over_baseline.values == pytest.approx({0: 5, 1: 10})
    assert experts.p_value == pytest.approx(float(stats.ttest_rel([10, 15], [5, 5]).pvalue))
    assert math.isnan(together.p_value)
    assert experts.minutes == pytest.approx(1 / 3)
    assert experts.scores["semseg/miou"].mean == pytest.approx(190 / 3)


def test_the_table_names_its_holes(suite: Reproduction) -> None:
    text = write_report(suite, {"ase-seed_0": "out of luck"})
    lines = text.splitlines()
    assert lines[0].startswith(
        "| method | seeds | semseg/miou up | normals/merr down | delta_m, % "
    )
    assert lines[3].startswith("| MTL | 2 | 52.50 ± 31.77 (60) | 19.00 ± 12.71 | +5.00 ± 0.00 (-1)")
    assert "Missing: MTL (seeds 2)." in text
    assert "Failed: ase-seed_0: out of luck" in text
    assert "nan" not in text


def test_the_same_results_make_the_same_files(suite: Reproduction) -> None:
    output = suite.arguments.output

    def made() -> dict[str, bytes]:
        write_report(suite, {})
        return {path.name: path.read_bytes() for path in output.glob("mine.*")}

    first = made()
    assert set(first) == {f"mine.{kind}" for kind in ("md", "csv", "tex", "png", "svg")}
    assert made() == first
    assert r"STL\_1 & 3 & 50.00 $\pm$ 0.00" in first["mine.tex"].decode()
    assert first["mine.csv"].decode().splitlines()[1:3] == [
        "alone,0,50,20,0,-5",
        "alone,1,50,20,0,-5",
    ]
    assert len(first["mine.png"]) > 5000


def test_a_suite_without_results_is_all_holes(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SUITE)
    arguments = [str(path), "seeds=0", f"output={tmp_path / 'out'}", *TASKS]
    text = write_report(Reproduction(Arguments.parse(arguments)), {})
    assert text.splitlines()[2].startswith("| STL_1 | 0 | - | - | - | - | - | - |")
    assert "Missing: STL_1 (seeds 0); MTL (seeds 0); ASE (seeds 0)." in text


def test_results_come_back(tmp_path: Path, suite: Reproduction) -> None:
    (run,) = suite.runs_of("experts", 0)
    results = Results(tmp_path / "more")
    assert results.get(run) is None
    given = result(None, semseg_miou=1.0)
    results.put(run, given)
    assert results.get(run) == given


def test_markdown_is_a_table() -> None:
    assert markdown([["a", "b"], ["1", "2"]], ["Note."]) == (
        "| a | b |\n| --- | ---: |\n| 1 | 2 |\n\nNote.\n"
    )


def test_routers_at_parts_of_the_training(tmp_path: Path) -> None:
    log = tmp_path / "router.csv"
    assert router_steps(log) is None
    lines = ["step,layer,site,task,expert,gate,share,probability"]
    lines += [
        f"{step},3,ffn,edge,{expert},{step / 1000 + expert},1,0.5"
        for step in (1, 10, 30, 200, 400)
        for expert in range(2)
    ]
    log.write_text("\n".join(lines))
    found = router_steps(log)
    assert found is not None
    assert found["steps"] == [1, 10, 30, 400]
    gates = [[0.001, 1.001], [0.01, 1.01], [0.03, 1.03], [0.4, 1.4]]
    assert found["gates"] == {"edge": {"3 ffn": gates}}
    assert [each["step"] for each in found["health"]] == [1, 10, 30, 200, 400]


def test_columns_on_routers() -> None:
    def step(number: int, leads: float, shared: float) -> dict[str, object]:
        return {
            "step": number,
            "uniform": 0.25,
            "leads": leads,
            "shared": {"semseg": shared, "edge": shared / 2},
            "token_entropy": {"semseg": 0.9, "edge": 0.5},
            "information": 0.1,
            "idle": 0.0,
        }

    run = {"health": [step(1, 1.0, 0.2), step(10, 0.5, 0.2), step(90, 0.0, 0.3), step(100, 0, 0.4)]}
    columns = router_columns([[run], []])
    assert columns == {
        "S / (k + S)": ["0.25", "-"],
        "shared, first": ["0.15", "-"],
        "shared leads": ["0.75", "-"],
        "shared, least": ["0.20", "-"],
        "shared, most": ["0.40", "-"],
        "token entropy": ["0.50", "-"],
        "information": ["0.10", "-"],
        "idle": ["0.00", "-"],
    }
