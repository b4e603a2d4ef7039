"""The suites that come with the package: their rows are real runs, the paper's values add up."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.metrics.delta_m import delta_m
from mtl_ase.suites.arguments import Arguments
from mtl_ase.suites.reproduction import Reproduction
from mtl_ase.suites.suite import Row, read_setting, read_suite, suite_names
from mtl_ase.suites.suite_run import SuiteRun, runs_of_row, with_needed
from tests.conftest import Compose

TASKS = ["semseg", "human_parts", "saliency", "normals", "edge"]
PAPER = ("table1", "fig2", "fig3a", "fig3b", "fig4")
"""Suites that are meant for PASCAL-Context, too."""
QUICK = {("table1", "scenes"), ("fig2", "pascal")}
"""Suites and settings that also `make test` composes."""
HIGHER = {
    "semseg/miou": True,
    "human_parts/miou": True,
    "saliency/miou": True,
    "normals/merr": False,
    "edge/odsf": True,
}
GOOD = """
title: Mine
reference: alone
baseline: together
rows:
  alone: {title: STL, overrides: [experiment=stl_vit], alone: true}
  together: {title: MTL, overrides: [experiment=mtl_vit]}
"""


def runs(suite: str, row: str, seed: int = 0, budget: str = "full") -> list[SuiteRun]:
    return runs_of_row(row, read_suite(suite), read_setting("scenes"), budget, seed, TASKS, [])


def test_the_paper_s_table_and_figures_are_there() -> None:
    assert set(PAPER) <= set(suite_names())


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        pytest.param(
            name,
            setting,
            marks=[] if (name, setting) in QUICK else pytest.mark.slow,
        )
        for name, setting in itertools.product(suite_names(), ("scenes", "pascal"))
    ],
)
def test_every_row_is_a_config(name: str, setting: str, composed: Compose) -> None:
    suite, made = read_suite(name), read_setting(setting)
    for row in suite.rows:
        for run in runs_of_row(row, suite, made, "full", 0, TASKS, []):
            config = composed(*run.overrides)
            assert list(config.tasks) == ([run.task] if run.task else TASKS)


@pytest.mark.parametrize("setting", ["scenes", "pascal"])
def test_budgets_say_how_many_steps_they_make(setting: str, composed: Compose) -> None:
    made = read_setting(setting)
    assert {"full", "quick", "double"} <= set(made.budgets)
    for budget in made.budgets.values():
        config = composed(*made.overrides, *budget.overrides)
        images = config.data.generator.num_train if setting == "scenes" else 4998
        batches = images // config.data.batch_size
        batches = min(batches, config.trainer.get("limit_train_batches") or batches)
        assert budget.steps == config.trainer.max_epochs * batches
    assert made.budgets["double"].steps == 2 * made.budgets["full"].steps


def test_the_paper_s_delta_m_follows_from_its_scores() -> None:
    rows = read_suite("table1").rows
    reference = rows["stl_resnet18"].published
    for row in rows.values():
        scores = {key: torch.tensor(row.published[key], dtype=torch.float64) for key in HIGHER}
        assert float(delta_m(scores, reference, HIGHER)) == pytest.approx(
            row.published["delta_m"], abs=0.02
        )


def test_the_same_training_has_the_same_name_in_every_suite() -> None:
    names = {suite: [run.name for run in runs(suite, "ase_16")] for suite in ("table1", "fig2")}
    assert names["table1"] == names["fig2"]
    assert names["table1"] == [run.name for run in runs("fig3b", "ase_16")]
    assert names["table1"] != [run.name for run in runs("table1", "ase_16", seed=1)]
    assert names["table1"] != [run.name for run in runs("table1", "ase_16", budget="quick")]


def test_where_data_are_does_not_tell_runs_apart() -> None:
    suite, setting = read_suite("table1"), read_setting("scenes")
    here, there = (
        runs_of_row("ase_16", suite, setting, "full", 0, TASKS, [f"data.root={root}"])[0]
        for root in ("/a", "/b")
    )
    assert here.overrides != there.overrides
    assert here.name == there.name == runs("table1", "ase_16")[0].name


def test_names_are_different_and_need_no_quotes() -> None:
    suite = read_suite("fig3a")
    made = [run for row in suite.rows for run in runs("fig3a", row)]
    names = [run.name for run in made]
    assert len(set(names)) == len(names) == 5 + 11
    assert all(name.replace("_", "").replace("-", "").replace(".", "").isalnum() for name in names)


def test_what_starts_from_single_task_runs_comes_after_them() -> None:
    wanted = list(with_needed(runs("table1", "cross_stitch") + runs("table1", "nddr_cnn")))
    assert [run.row for run in wanted] == ["stl_resnet18"] * 5 + ["cross_stitch", "nddr_cnn"]
    (stl,) = (o for o in wanted[5].command_overrides(Path("runs")) if "stl=" in o)
    assert all(str(Path("runs") / run.name) in stl for run in wanted[:5])


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("title: Mine", "tilte: Mine", "has the unknown key tilte"),
        ("title: Mine\n", "", "has no title"),
        ("baseline: together", "baseline: other", "names the row other, which is not there"),
        ("reference: alone", "reference: together", "needs alone: true"),
        ("title: MTL, ", "", "row together has no title"),
        ("title: Mine", "title: Mine\nfigure: pie", "figure pie is none of points"),
        ("rows:", "rows: {}\nothers:", "has no rows"),
        ("title: Mine", "title: [", "can't be read as YAML"),
    ],
)
def test_wrong_suites_are_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD)
    assert isinstance(read_suite(str(path)).rows["alone"], Row)
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(UserError, match=sentence):
        read_suite(str(path))


def test_unknown_names_are_one_sentence() -> None:
    with pytest.raises(UserError, match="table9; choose one of adapters, balancing,"):
        read_suite("table9")
    with pytest.raises(UserError, match="setting=mars is no setting"):
        read_setting("mars")


def test_overrides_and_seeds_of_a_suite(tmp_path: Path) -> None:
    """Every run has the suite's overrides; the command line's seeds win."""
    path = tmp_path / "own.yaml"
    rows = "{a: {title: A, overrides: [experiment=ase]}}"
    path.write_text(
        f"title: Own\nbaseline: a\nrows: {rows}\noverrides: [data.batch_size=2]\nseeds: [4, 5]\n"
    )
    own = Reproduction(Arguments.parse([str(path)]))
    assert [run.seed for run in own.wanted()] == [4, 5]
    assert all("data.batch_size=2" in run.overrides for run in own.wanted())
    other = Reproduction(Arguments.parse([str(path), "seeds=7"]))
    assert [run.seed for run in other.wanted()] == [7]
