"""A loss that is not a number in one of two processes: both leave the batch out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ranks.conftest import FAULTY, last, logged_steps


@pytest.mark.slow
def test_both_processes_leave_the_batch_out(
    finish: Callable[..., None], two_ranks: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    setting = ["experiment=ase", "trainer.max_steps=5", "data.batch_size=2"]
    skip = ["training.nonfinite=skip", f"run_dir={folder}"]
    finish(*two_ranks, *setting, *skip, script=FAULTY, TEST_NAN="1 2")
    said = (tmp_path / "said.txt").read_text()
    assert said.count("rank 0: step 2: a loss of another process is not finite") == 1
    assert said.count("rank 1: step 2: the loss of the router is not finite") == 1
    assert said.count("the batch is left out") >= 2
    assert logged_steps(folder) == [0, 1, 2, 3, 4]
    assert all(value.isfinite().all() for value in last(folder)["state_dict"].values())
    assert last(folder)["global_step"] == 5
