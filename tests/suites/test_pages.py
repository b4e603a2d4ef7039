"""Pages show what stored results say; a command makes tables and figures of them again."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.suites.arguments import Arguments
from mtl_ase.suites.pages import MARKED, PAGES, STORED, with_tables
from mtl_ase.suites.reproduction import Reproduction
from mtl_ase.suites.suite import read_suite

THREE_SEEDS = {
    "balancing": "fixed uncertainty imtl_l dwa gls nash_mtl nash_blocks",
    "adapters": "lora ase ase_finegrained ase_finest c_lorae",
}
"""Rows with three seeds, by comparison."""
STUDIED = {
    "fig2": "stl_vit lora_moe_16 naive_shared ase_16 renormalised",
    "branch_block": "block_0 block_2 side",
}
"""Rows of the study with three seeds, by suite."""


def stored(suite: str, folder: str) -> Reproduction:
    return Reproduction(Arguments.parse([suite, f"output={STORED / folder}"]))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_pages_and_files_are_what_the_results_say(path: Path, tmp_path: Path) -> None:
    """Byte for byte, but for PNG files, which depend on how matplotlib was built."""
    folder = shutil.copytree(STORED, tmp_path / "results")
    page = path.read_text(encoding="utf-8")
    assert MARKED.search(page)
    assert with_tables(page, folder) == page
    for made in folder.rglob("*"):
        if made.suffix in (".md", ".csv", ".tex", ".json"):
            assert made.read_bytes() == (STORED / made.relative_to(folder)).read_bytes(), made


@pytest.mark.parametrize("what", THREE_SEEDS)
def test_every_method_was_compared(what: str) -> None:
    compared = stored(what, f"compare/{what}")
    for row in read_suite(what).rows:
        seeds = (0, 1, 2) if row in THREE_SEEDS[what].split() else (0,)
        assert all(compared.has_result(row, seed) for seed in seeds), row


@pytest.mark.parametrize("suite", STUDIED)
def test_rows_were_studied_with_three_seeds(suite: str) -> None:
    studied = stored(suite, "study")
    for row in STUDIED[suite].split():
        assert all(studied.has_result(row, seed) for seed in (0, 1, 2)), row


def test_a_difference_is_seed_by_seed(tmp_path: Path) -> None:
    folder = shutil.copytree(STORED / "compare" / "balancing", tmp_path / "compare" / "balancing")
    mark = "difference balancing nash_blocks fixed folder=compare/balancing seeds=0,1,2"
    page = with_tables(f"a\n<!-- {mark} -->\nold\n<!-- end -->\nb\n", tmp_path)
    assert page.startswith(f"a\n<!-- {mark} -->\n`nash_blocks` over `fixed`: ")
    assert page.endswith("\n<!-- end -->\nb\n")
    assert re.search(r"\*\*\+0\.23 ± 0\.20 %\*\* \(by seed \+0\.30, \+0\.15, \+0\.25\)\.", page)
    with pytest.raises(UserError, match="the mark of balancing names nash, which is no row of it"):
        with_tables(page.replace("nash_blocks fixed", "nash fixed"), folder.parents[1])
