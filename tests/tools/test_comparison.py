"""Comparisons of methods: what is trained, when, and what the table says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from scipy import stats

from mtl_ase.base.atomic_files import write_json
from mtl_ase.base.csv_rows import read_rows
from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles
from mtl_ase.config import CONFIGS
from mtl_ase.launch.trainings import Trainings
from mtl_ase.tools.comparison import FIELDS, Comparison
from mtl_ase.tools.comparison_report import draw_quality_cost, markdown_table, outcomes
from tests.conftest import Compose, Run

HIGHER = {"semseg/miou": True, "normals/merr": False}
SMALL = ["setting=scenes", "model.encoder.options={depth:1}"]


def row(method: str, seed: int, miou: float, merr: float) -> dict[str, str]:
    scores = {"semseg/miou": f"{miou}", "normals/merr": f"{merr}"}
    facts = {"method": method, "seed": f"{seed}", "trained": "1000", "megabytes": "900"}
    return facts | scores


ROWS = [
    row("fixed", 0, 50, 20),
    row("fixed", 1, 40, 10),
    row("nash_mtl", 0, 55, 20),  # 5 % over seed 0 of fixed
    row("nash_mtl", 1, 40, 8),  # 10 % over seed 1 of fixed
    row("rlw", 0, 45, 20),
    row("rlw", 2, 99, 1),  # without a baseline
]


def test_every_method_is_compared_the_baseline_first() -> None:
    for field in FIELDS.values():
        methods = field.methods()
        assert methods[0] == field.baseline
        if not field.values:
            there = {path.stem for path in (CONFIGS / field.key).glob("*.yaml")}
            assert set(methods) == there - set(field.left_out)
            assert len(methods) > 15


def test_branches_are_compared_up_to_the_depth_of_the_demo_s_network(composed: Compose) -> None:
    depth = composed("experiment=demo").model.encoder.options.depth
    assert FIELDS["branch_block"].methods() == [str(block) for block in range(depth + 1)]


def test_gains_are_over_the_baseline_of_the_same_seed() -> None:
    best, baseline, worst = outcomes(ROWS, {"fixed": 1.0, "nash_mtl": 1.02}, "fixed", HIGHER)
    assert (best.method, baseline.method, worst.method) == ("nash_mtl", "fixed", "rlw")
    assert (best.seeds, worst.seeds) == (2, 1)
    assert best.gain == pytest.approx(7.5)
    assert best.margin == pytest.approx(stats.t.ppf(0.975, 1) * 2.5)  # 5 and 10: error 2.5
    assert baseline.gain == baseline.margin == 0
    assert worst.gain == pytest.approx(-5)
    assert math.isnan(worst.margin)
    assert math.isnan(worst.cost)
    assert best.scores == {"semseg/miou": 47.5, "normals/merr": 14}


def test_the_table_and_the_picture(tmp_path: Path) -> None:
    found = outcomes(ROWS, {"fixed": 1.0, "nash_mtl": 1.02}, "fixed", HIGHER)
    lines = markdown_table(found, "fixed").splitlines()
    assert len(lines) == 2 + 3
    assert lines[2].startswith("| `nash_mtl` | 2 | 47.50 | 14.00 | +7.50 ± 31.77 | 1.02 |")
    assert "| - |" in lines[4]
    draw_quality_cost(found, "fixed", tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 5000


class Fake(Trainings):
    """Notes which runs are started; those of rlw fail, none trains for real."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.megabytes = 321

    def __call__(self, run: Path, overrides: Sequence[str]) -> int:
        """Leave what a training leaves."""
        self.started.append(run.name)
        run.mkdir(parents=True)
        files = RunFiles(run)
        files.output_log.write_text("out of luck\n")
        if "balance=rlw" in overrides:
            return 1
        files.log.write_text("step,train/loss\n0,2\n3,1\n")
        write_json(files.metrics, {"semseg/miou": 12.5, "delta_m": None})
        files.done.touch()
        return 0


class Stopped(Fake):
    """A training that SIGTERM ends."""

    def __call__(self, run: Path, overrides: Sequence[str]) -> int:
        """End at once."""
        return 143


def test_only_what_has_no_row_is_trained(tmp_path: Path) -> None:
    first, train = Comparison(FIELDS["balancing"], tmp_path, SMALL), Fake()
    failed = first.run(["fixed", "rlw"], [0], train)
    assert [job.failure for job in failed] == ["out of luck (exit code 1)"]
    (written,) = read_rows(first.results)
    assert written["steps"] == "3"
    assert int(written["trained"]) > 0
    assert (written["megabytes"], written["semseg/miou"], written["delta_m"]) == ("321", "12.5", "")
    again = Comparison(FIELDS["balancing"], tmp_path, SMALL)
    again.run(["fixed", "dwa"], [0, 1], train)
    assert train.started == ["fixed-0", "rlw-0", "dwa-0", "fixed-1", "dwa-1"]
    assert len(read_rows(first.results)) == 4


def test_a_signal_ends_a_comparison(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        Comparison(FIELDS["balancing"], tmp_path, SMALL).run(["fixed", "dwa"], [0], Stopped())
    assert ended.value.code == 143


def test_a_comparison_has_one_set_of_overrides(tmp_path: Path) -> None:
    Comparison(FIELDS["adapters"], tmp_path, SMALL)
    with pytest.raises(UserError, match="holds a comparison with other overrides"):
        Comparison(FIELDS["adapters"], tmp_path, ["setting=scenes"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "usage: python scripts/compare.py"),
        (["losses"], "usage: python scripts/compare.py"),
        (["balancing", "seeds=one"], "usage: python scripts/compare.py"),
        (["balancing", "methods=fixed,dva"], "methods=dva is unknown"),
    ],
)
def test_wrong_use_is_one_sentence(here: Run, arguments: list[str], sentence: str) -> None:
    said = here("scripts/compare.py", *arguments)
    assert said.returncode == 2
    assert said.stderr.startswith(f"error: {sentence}")


@pytest.mark.slow
def test_two_rules_are_compared(script: Run, tiny: list[str], tmp_path: Path) -> None:
    output = f"output={tmp_path / 'compared'}"
    command = ["balancing", "methods=fixed,nash_mtl", output, *tiny, "trainer.max_steps=2"]
    first = script("scripts/compare.py", *command, timeout=600)
    assert first.returncode == 0, first.stderr
    table = (tmp_path / "compared" / "table.md").read_text()
    assert first.stdout.endswith(table)
    assert "`nash_mtl`" in table
    assert "nan" not in table
    assert (tmp_path / "compared" / "quality_cost.png").is_file()
    second = script("scripts/compare.py", *command, timeout=600)
    assert second.stdout == table
