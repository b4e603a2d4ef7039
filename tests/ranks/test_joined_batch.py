"""Two processes do what one does with their batches joined."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.ranks.conftest import FAULTY, last

PLAIN = [
    "tasks=[semseg,human_parts,saliency,normals,edge]",
    "experiment=ase",
    "data.augmentation.rotation=20",
    "training.regularisers.mutual_information.weight=0",
    "optimizer=sgd",
    "training.optimizer.lr=1e-3",
    "trainer.precision=64-true",
    "trainer.max_steps=8",
]


@pytest.mark.slow
def test_parameters_are_those_of_the_joined_batch(
    finish: Callable[..., None], tiny: list[str], two_ranks: list[str], tmp_path: Path
) -> None:
    """Some images show no person, and turned ones have borders without a label.

    Four images a step: of one process, of two with two each, of two that add up two with one each.
    """
    folders = [tmp_path / name for name in ("one", "two", "accumulated")]
    quiet = {"script": FAULTY, "TEST_QUIET": "1"}
    finish(*tiny, *PLAIN, "data.batch_size=4", f"run_dir={folders[0]}", **quiet)
    finish(*two_ranks, *PLAIN, "data.batch_size=2", f"run_dir={folders[1]}", **quiet)
    added = ["data.batch_size=1", "trainer.accumulate_grad_batches=2"]
    finish(*two_ranks, *PLAIN, *added, f"run_dir={folders[2]}", **quiet)
    before, *others = (last(folder)["state_dict"] for folder in folders)
    for after in others:
        assert before.keys() == after.keys()
        for name, value in before.items():
            torch.testing.assert_close(after[name], value, rtol=1e-8, atol=1e-11, msg=name)
    scores, *others = (json.loads((run / "metrics.json").read_text()) for run in folders)
    for other in others:
        for key, score in scores.items():
            assert other[key] == (None if score is None else pytest.approx(score, rel=1e-5)), key
