"""Every method by its command: a complete run folder, scored, gone on with, counted."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from mtl_ase.config import CONFIGS
from tests.conftest import Run

SMALL = ("trainer", "data.", "callbacks.", "report.", "metrics.")
"""Beginnings of the overrides of `tiny` that fit every network."""
MADE = {"best.ckpt", "last.ckpt", "manifest.json"}
NOT_NETWORKS = {"scenes_pretrain", "demo"}
STAGED = {"same_continual"}
"""Needs as many steps as stages, and is resumed with the same number: test_continual.py."""


def stems(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


ROWS = [["experiment=demo", f"model/adapter={name}"] for name in stems("model/adapter")]
ROWS += [["experiment=demo", f"model/decoder={name}"] for name in stems("model/decoder")]
ROWS += [
    [f"experiment={name}", "setting=scenes"]
    for name in stems("experiment")
    if name not in NOT_NETWORKS | STAGED
]
IDS = [row[-1 if "demo" in row[0] else 0].rpartition("=")[2] for row in ROWS]


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_a_method_trains_is_scored_goes_on_and_is_counted(
    here: Run, tiny: list[str], tmp_path: Path, row: list[str]
) -> None:
    small = [override for override in tiny if override.startswith(SMALL)]
    command = [*row, *small, f"run_dir={tmp_path}/run"]
    first = here("train.py", *command, "trainer.max_steps=3")
    assert first.returncode == 0, first.stderr
    run = tmp_path / "run"
    assert {"config.yaml", "metrics.csv", "metrics.json", "DONE"} <= {p.name for p in run.iterdir()}
    assert {path.name for path in (run / "checkpoints").iterdir()} == MADE
    assert (run / "figures" / "losses.png").is_file()
    assert (run / "router.csv").is_file() == (run / "figures" / "routers.png").is_file()
    scores = json.loads((run / "metrics.json").read_text())

    scored = here("evaluate.py", f"run={run}")
    assert scored.returncode == 0, scored.stderr
    assert json.loads((run / "metrics.json").read_text()).keys() >= scores.keys()

    resumed = here("train.py", *command, "trainer.max_steps=4", "resume=auto")
    assert resumed.returncode == 0, resumed.stderr
    with (run / "metrics.csv").open(newline="") as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert steps == [0, 1, 2, 3]

    counted = here("scripts/model_info.py", *row)
    assert counted.returncode == 0, counted.stderr
    found = json.loads(counted.stdout)
    assert sum(found["components"].values()) == found["total_params"] >= found["trainable_params"]
    assert found["trainable_params"] > 0
