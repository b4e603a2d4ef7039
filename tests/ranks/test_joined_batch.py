"""Two processes do what one does with their batches joined."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.ranks.conftest import FAULTY, last

PLAIN = [
    "tasks=[semseg,edge]",
    "experiment=ase",
    "training.router_weight=0",
    "optimizer=sgd",
    "training.optimizer.lr=1e-2",
    "trainer.precision=64-true",
    "trainer.max_steps=8",
]


@pytest.mark.slow
def test_parameters_are_those_of_the_joined_batch(
    finish: Callable[..., None], tiny: list[str], two_ranks: list[str], tmp_path: Path
) -> None:
    """Every pixel is labelled, so the mean of two means is the mean; losses are in 32 bits."""
    one, two = tmp_path / "one", tmp_path / "two"
    quiet = {"script": FAULTY, "TEST_QUIET": "1"}
    finish(*tiny, *PLAIN, "data.batch_size=4", f"run_dir={one}", **quiet)
    finish(*two_ranks, *PLAIN, "data.batch_size=2", f"run_dir={two}", **quiet)
    before, after = last(one)["state_dict"], last(two)["state_dict"]
    assert before.keys() == after.keys()
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=1e-6, atol=1e-8, msg=name)
    scores, others = (json.loads((run / "metrics.json").read_text()) for run in (one, two))
    for key, score in scores.items():
        assert others[key] == (None if score is None else pytest.approx(score, rel=1e-5)), key
