"""The stored comparisons of methods: complete, and the page shows what their rows say."""

from __future__ import annotations

import json

import pytest
from omegaconf import OmegaConf

from mtl_ase.base.csv_rows import read_rows
from mtl_ase.config import run_once
from mtl_ase.tools.comparison import FIELDS
from mtl_ase.tools.comparison_report import directions, markdown_table, outcomes
from mtl_ase.tools.methods import PAGE, ROOT

THREE_SEEDS = {
    "balancing": "fixed uncertainty imtl_l dwa gls nash_mtl nash_blocks",
    "adapters": "lora ase ase_finegrained ase_finest c_lorae",
    "branch_block": "0 2 4",
}
"""Methods with three seeds by comparison."""
STORED = ROOT / "docs" / "results" / "compare"


@pytest.mark.parametrize("what", THREE_SEEDS)
def test_every_method_was_run(what: str) -> None:
    runs = [(row["method"], row["seed"]) for row in read_rows(STORED / what / "results.csv")]
    assert len(set(runs)) == len(runs)
    wanted = {(method, "0") for method in FIELDS[what].methods()}
    wanted |= {(method, seed) for method in THREE_SEEDS[what].split() for seed in "12"}
    assert not wanted - set(runs)


@pytest.mark.parametrize("what", THREE_SEEDS)
def test_the_page_shows_what_the_rows_say(what: str) -> None:
    folder, field = STORED / what, FIELDS[what]
    costs = json.loads((folder / "costs.json").read_text(encoding="utf-8"))
    given = OmegaConf.to_object(OmegaConf.load(folder / "overrides.yaml"))
    higher = run_once(directions, field.overrides(field.baseline, given))
    found = outcomes(read_rows(folder / "results.csv"), costs, field.baseline, higher)
    table = markdown_table(found, field.baseline)
    assert table in (folder / "table.md").read_text(encoding="utf-8")
    pages = (PAGE, PAGE.with_name("performance.md"))
    assert table in "".join(page.read_text(encoding="utf-8") for page in pages)
