"""Parameters and cost from the command line."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Run


@pytest.mark.parametrize(
    ("experiment", "millions"),
    [
        ("ase_finegrained", 108.25),
        pytest.param("ase", 106.77, marks=pytest.mark.slow),
        pytest.param("ase_finest", 111.19, marks=pytest.mark.slow),
        pytest.param("mtl_vit", 103.52, marks=pytest.mark.slow),
    ],
)
def test_counts_are_the_papers(here: Run, experiment: str, millions: float) -> None:
    done = here("scripts/model_info.py", f"experiment={experiment}")
    assert done.returncode == 0, done.stderr
    info = json.loads(done.stdout)
    assert info["total_params"] / 1e6 == pytest.approx(millions, abs=0.005)
    assert info["trainable_params"] <= info["total_params"]
    assert sum(info["components"].values()) == info["total_params"]
    assert info["forward_gflops_per_image"] > 100
