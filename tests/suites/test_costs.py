"""Suites that compare costs: rows are the files of a config group, the best first."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from mtl_ase.config import CONFIGS
from mtl_ase.evaluation.spread import Spread
from mtl_ase.suites.arguments import Arguments
from mtl_ase.suites.costs import cost_columns, draw_costs
from mtl_ase.suites.outcome import Outcome
from mtl_ase.suites.report import costs_file, write_report
from mtl_ase.suites.reproduction import Reproduction
from mtl_ase.suites.result import Result
from mtl_ase.suites.suite import read_suite
from tests.conftest import Compose, Run

GROUPS = {"balancing": "balance", "adapters": "model/adapter"}


@pytest.mark.parametrize("name", GROUPS)
def test_every_method_is_a_row(name: str) -> None:
    suite = read_suite(name)
    there = {path.stem for path in (CONFIGS / GROUPS[name]).glob("*.yaml")} - {"none"}
    assert set(suite.rows) == there
    assert suite.rows[suite.baseline].overrides == [f"{GROUPS[name]}={suite.baseline}"]


def test_branches_are_compared_up_to_the_depth_of_the_demo_s_network(composed: Compose) -> None:
    depth = composed("experiment=demo").model.encoder.options.depth
    first, *others, side = [row.overrides for row in read_suite("branch_block").rows.values()]
    branched = [[*first, f"model.encoder.branch_block={block}"] for block in range(1, depth + 1)]
    assert others == branched
    assert side == [*first, "model/encoder=side_vit", "model.lora=null"]


@pytest.fixture
def compared(tmp_path: Path) -> Reproduction:
    """Results of three rules; one has two seeds, one has none of the baseline's."""
    arguments = ["balancing", "seeds=0,1,2", f"output={tmp_path}", "tasks=[semseg,normals]"]
    made = Reproduction(Arguments.parse(arguments))
    known = {
        ("fixed", 0): (50, 20),
        ("fixed", 1): (40, 10),
        ("nash_mtl", 0): (55, 20),  # 5 % over seed 0 of fixed
        ("nash_mtl", 1): (40, 8),  # 10 % over seed 1 of fixed
        ("rlw", 0): (45, 20),
        ("rlw", 2): (99, 1),
    }
    for (row, seed), (miou, merr) in known.items():
        (run,) = made.runs_of(row, seed)
        scores = {"semseg/miou": miou, "normals/merr": merr, "delta_m": None}
        made.results.put(run, Result(scores, 2_000_000, 1_000_000, 200, None, 900, "abc", None))
    costs_file(made).write_text(json.dumps({"fixed": 1.0, "nash_mtl": 1.02}))
    return made


def test_the_best_is_first_with_gains_over_the_baseline_of_the_same_seed(
    compared: Reproduction,
) -> None:
    lines = write_report(compared, {}).splitlines()
    first, baseline, last = (line.split(" | ") for line in lines[2:5])
    assert (first[0], baseline[0], last[0]) == ("| `nash_mtl`", "| `fixed`", "| `rlw`")
    assert lines[0].split(" | ")[-2:] == ["step over `fixed`", "memory, MiB |"]
    gain = lines[0].split(" | ").index("over `fixed`, %")
    assert first[gain] == "+7.50 ± 31.77"  # 5 and 10: Student's t of one degree of freedom
    assert (baseline[gain], last[gain]) == ("-", "-5.00")
    assert first[-2:] == ["1.02", "900 |"]
    assert last[-2] == "-"
    assert "Missing: `achievement` (seeds 0, 1, 2); " in lines[-1]
    assert "`rlw`" not in lines[-1]


def test_the_picture_has_the_baseline_at_0() -> None:
    suite = read_suite("branch_block")
    known = {"block_0": {}, "block_2": {0: -1.0, 1: -2.0}}
    found = [
        Outcome(row, {}, Spread.of({}), Spread.of(over), math.nan, 1, 1, 1, 1.0, [])
        for row, over in known.items()
    ]
    gains, times = draw_costs(suite, found, {"block_0": 1.0, "block_2": 0.66}).axes
    assert [bars.lines[0].get_xdata().tolist() for bars in gains.containers] == [[0.0], [-1.5]]
    assert [line.get_xdata()[0] for line in times.lines[:2]] == [1.0, 0.66]
    assert cost_columns(suite, found, {})["step over block 0 (the paper's)"] == ["-", "-"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "usage: python scripts/compare.py"),
        (["table1"], "usage: python scripts/compare.py"),
        (["balancing", "seeds=one"], "seeds=one is no list of numbers"),
        (["balancing", "methods=fixed,dva"], "rows=dva is no row of the suite"),
        (["balancing", "costs=maybe"], "costs=maybe is neither true nor false"),
    ],
)
def test_wrong_use_is_one_sentence(here: Run, arguments: list[str], sentence: str) -> None:
    said = here("scripts/compare.py", *arguments)
    assert said.returncode == 2
    assert said.stderr.startswith(f"error: {sentence}")


@pytest.mark.slow
def test_two_rules_are_compared(script: Run, tiny: list[str], tmp_path: Path) -> None:
    output = f"output={tmp_path / 'compared'}"
    own = [override for override in tiny if not override.startswith(("setting=", "trainer.max"))]
    command = ["balancing", "methods=fixed,nash_mtl", "budget=quick", output, *own]
    first = script("scripts/compare.py", *command, timeout=600)
    assert first.returncode == 0, first.stderr
    table = (tmp_path / "compared" / "balancing_quick.md").read_text()
    assert first.stdout.endswith(table)
    assert "`nash_mtl`" in table
    assert "nan" not in table
    assert (tmp_path / "compared" / "balancing_quick.png").is_file()
    second = script("scripts/compare.py", *command, timeout=600)
    assert second.stdout == table
